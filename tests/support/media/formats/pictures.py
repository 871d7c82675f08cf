"""Pictures in every format of cameras, phones, scanners and programs, in all orientations of their tags."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pillow_heif
import tifffile
from PIL import Image

from tests.support.media.formats.containers import Coding, frame_of
from tests.support.media.formats.light import linear
from tests.support.media.formats.pngs import chunk, write_png
from tests.support.media.formats.profiles import ADOBE_RGB, DISPLAY_P3, SWAPPED, profile, stored_in

pillow_heif.register_heif_opener()

T = Image.Transpose
#: How an upright picture is stored for each EXIF orientation.
UNDO = {
    1: None,
    2: T.FLIP_LEFT_RIGHT,
    3: T.ROTATE_180,
    4: T.FLIP_TOP_BOTTOM,
    5: T.TRANSPOSE,
    6: T.ROTATE_90,
    7: T.TRANSVERSE,
    8: T.ROTATE_270,
}

#: Writes an RGB picture, already stored for the orientation, whose tag it writes along where that is not 1.
Save = Callable[[Path, Image.Image, int], None]


@dataclass(frozen=True)
class Kind:
    """One way to store a picture.

    `turns`: whether it can carry an orientation; `colour`: whether it has any; `pale`: whether it holds no more than a
    shape on white.
    """

    suffix: str
    save: Save
    turns: bool = True
    colour: bool = True
    pale: bool = False


def save_turned(folder: Path, picture: Image.Image, name: str, orientation: int = 1) -> Path:
    """The upright picture as one of KINDS, stored so that the orientation's tag shows it upright."""
    undo, kind = UNDO[orientation], KINDS[name]
    path = folder / f"{name}-{orientation}{kind.suffix}"
    kind.save(path, picture if undo is None else picture.transpose(undo), orientation)
    return path


def exif(orientation: int) -> bytes:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags.tobytes()


def saved(format: str, mode: str = "RGB", **how: Any) -> Save:
    """By Pillow, in one of its modes."""

    def save(path: Path, picture: Image.Image, orientation: int) -> None:
        extra = {} if orientation == 1 else {"exif": exif(orientation)}
        picture.convert(mode).save(path, format, **how, **extra)

    return save


def palette(format: str) -> Save:
    def save(path: Path, picture: Image.Image, orientation: int) -> None:
        extra = {} if orientation == 1 else {"exif": exif(orientation)}
        picture.quantize(64).save(path, format, **extra)

    return save


def see_through(picture: Image.Image) -> Image.Image:
    """The ground, whose colour is that of the first pixel's corner of a light scene, made clear (and black below)."""
    pixels = np.asarray(picture)
    light = pixels.min(axis=2) > 200
    shown = np.where(light[..., None], 0, pixels).astype(np.uint8)
    return Image.fromarray(np.dstack([shown, np.where(light, 0, 255).astype(np.uint8)]))


def clear(format: str, **how: Any) -> Save:
    def save(path: Path, picture: Image.Image, orientation: int) -> None:
        extra = {} if orientation == 1 else {"exif": exif(orientation)}
        see_through(picture).save(path, format, **how, **extra)

    return save


def clear_palette(format: str) -> Save:
    def save(path: Path, picture: Image.Image, orientation: int) -> None:
        few = see_through(picture).quantize(16, method=Image.Quantize.FASTOCTREE)
        extra = {} if orientation == 1 else {"exif": exif(orientation)}
        few.save(path, format, **extra)

    return save


def with_profile(format: str, colorants: tuple[tuple[float, float, float], ...], **how: Any) -> Save:
    def save(path: Path, picture: Image.Image, orientation: int) -> None:
        extra = {} if orientation == 1 else {"exif": exif(orientation)}
        stored = Image.fromarray(stored_in(linear(picture), colorants))
        stored.save(path, format, icc_profile=profile(colorants), **how, **extra)

    return save


def deep_png(*, alpha: bool = False, interlaced: bool = False, grey: bool = False, depth: int = 16) -> Save:
    def save(path: Path, picture: Image.Image, orientation: int) -> None:
        shown = see_through(picture) if alpha else picture
        if grey:
            shown = shown.convert("LA" if alpha else "L")
        values = np.atleast_3d(np.asarray(shown))
        values = values.astype(np.uint16) * 257 if depth == 16 else values
        tags = [] if orientation == 1 else [chunk(b"eXIf", exif(orientation)[6:])]
        write_png(path, values, interlaced=interlaced, extra=tags)

    return save


def ycck(path: Path, picture: Image.Image, orientation: int) -> None:
    """JPEG as Photoshop prints it: Y, Cb, Cr and black, all inverted (Adobe's transform 2)."""
    pixels = np.asarray(picture.convert("CMYK"))
    ycc = np.asarray(Image.fromarray(pixels[..., :3]).convert("YCbCr"))
    # Pillow inverts whatever it writes as CMYK; the black shall be inverted, the rest stand as it is.
    content = io.BytesIO()
    planes = np.dstack([255 - ycc, pixels[..., 3]])
    extra = {} if orientation == 1 else {"exif": exif(orientation)}
    Image.fromarray(planes, "CMYK").save(content, "JPEG", quality=95, subsampling=0, **extra)
    made = bytearray(content.getvalue())
    made[made.index(b"Adobe") + 11] = 2
    path.write_bytes(made)


def tiff(**how: Any) -> Save:
    """By tifffile, which writes depths, layouts and sample kinds that Pillow does not."""

    def save(path: Path, picture: Image.Image, orientation: int) -> None:
        values = np.asarray(picture)
        kind = how.get("dtype")
        if kind is not None:
            whole = np.iinfo(kind).max if np.issubdtype(kind, np.integer) else 1.0
            values = (values / 255 * whole).astype(kind)
        if how.get("planarconfig") == "separate":
            values = np.moveaxis(values, 2, 0)
        named = {name: value for name, value in how.items() if name not in ("dtype", "bigtiff", "byteorder")}
        with tifffile.TiffWriter(path, bigtiff=bool(how.get("bigtiff")), byteorder=how.get("byteorder")) as file:
            tags = [] if orientation == 1 else [(274, 3, 1, orientation, True)]
            file.write(values, photometric="rgb", metadata=None, extratags=tags, **named)

    return save


def deep_heic(bits: int, **how: Any) -> Save:
    def save(path: Path, picture: Image.Image, orientation: int) -> None:
        values = np.asarray(picture).astype("<u2") * 257
        file = pillow_heif.from_bytes("RGB;16", picture.size, values.tobytes())
        extra = {} if orientation == 1 else {"exif": exif(orientation)}
        pillow_heif.options.SAVE_HDR_TO_12_BIT = bits == 12
        try:
            file.save(path, quality=95, **how, **extra)
        finally:
            pillow_heif.options.SAVE_HDR_TO_12_BIT = False

    return save


def heic_by_exif_alone(path: Path, picture: Image.Image, orientation: int) -> None:
    """Neither `irot` nor `imir`, as some programs' exports: the orientation is in EXIF only."""
    picture.save(path, "HEIF", quality=95, exif=exif(1))
    content = path.read_bytes()
    at = content.index(struct.pack(">HHI", 0x0112, 3, 1)) + 8  # the tag's value
    path.write_bytes(content[:at] + struct.pack(">H", orientation) + content[at + 2 :])


def deep_avif(path: Path, picture: Image.Image, orientation: int) -> None:
    """Ten bits, by PyAV."""
    assert orientation == 1
    coding = Coding(codec="libsvtav1", pixels="yuv420p10le", full=True)
    with av.open(str(path), "w", format="avif") as file:
        stream = file.add_stream("libsvtav1", rate=1, width=picture.width, height=picture.height)
        stream.pix_fmt, stream.codec_context.time_base = coding.pixels, Fraction(1)
        stream.options = {"preset": "8", "crf": "10"}
        context = stream.codec_context
        context.colorspace, context.color_range, context.color_primaries, context.color_trc = 6, 2, 1, 13
        frame = frame_of(picture, coding)
        frame.pts = 0
        file.mux(stream.encode(frame))
        file.mux(stream.encode())


def animate(path: Path, frames: Sequence[Image.Image], milliseconds: int, **how: Any) -> Path:
    """An animated GIF, WebP, PNG or AVIF, by the suffix."""
    first, *rest = frames
    first.save(path, save_all=True, append_images=rest, duration=milliseconds, **how)
    return path


KINDS = {
    "jpeg": Kind(".jpg", saved("JPEG", quality=90)),
    "jpeg-progressive": Kind(".jpg", saved("JPEG", quality=90, progressive=True)),
    "jpeg-444": Kind(".jpg", saved("JPEG", quality=90, subsampling=0)),
    "jpeg-grey": Kind(".jpg", saved("JPEG", "L"), colour=False),
    "jpeg-cmyk": Kind(".jpg", saved("JPEG", "CMYK", quality=95)),
    "jpeg-ycck": Kind(".jpg", ycck),
    "jpeg-rgb": Kind(".jpg", saved("JPEG", quality=95, keep_rgb=True)),
    "jpeg-display-p3": Kind(".jpg", with_profile("JPEG", DISPLAY_P3, quality=95)),
    "jpeg-adobe-rgb": Kind(".jpg", with_profile("JPEG", ADOBE_RGB, quality=95)),
    "jpeg-swapped-profile": Kind(".jpg", with_profile("JPEG", SWAPPED, quality=95)),
    "png": Kind(".png", saved("PNG")),
    "png-palette": Kind(".png", palette("PNG")),
    "png-grey": Kind(".png", saved("PNG", "L"), colour=False),
    "png-clear": Kind(".png", clear("PNG"), pale=True),
    "png-clear-palette": Kind(".png", clear_palette("PNG"), pale=True),
    "png-clear-grey": Kind(".png", deep_png(alpha=True, grey=True, depth=8), colour=False, pale=True),
    "png-16": Kind(".png", deep_png()),
    "png-16-clear": Kind(".png", deep_png(alpha=True), pale=True),
    "png-16-grey": Kind(".png", deep_png(grey=True), colour=False),
    "png-16-grey-clear": Kind(".png", deep_png(alpha=True, grey=True), colour=False, pale=True),
    "png-interlaced": Kind(".png", deep_png(interlaced=True, depth=8)),
    "png-swapped-profile": Kind(".png", with_profile("PNG", SWAPPED)),
    "webp": Kind(".webp", saved("WEBP", quality=90)),
    "webp-lossless": Kind(".webp", saved("WEBP", lossless=True)),
    "webp-clear": Kind(".webp", clear("WEBP", quality=90), pale=True),
    "webp-swapped-profile": Kind(".webp", with_profile("WEBP", SWAPPED, quality=95)),
    "gif": Kind(".gif", palette("GIF"), turns=False),
    "gif-clear": Kind(".gif", clear("GIF"), turns=False, pale=True),
    "bmp": Kind(".bmp", saved("BMP"), turns=False),
    "bmp-palette": Kind(".bmp", palette("BMP"), turns=False),
    "bmp-grey": Kind(".bmp", saved("BMP", "L"), turns=False, colour=False),
    "tiff": Kind(".tif", saved("TIFF")),
    "tiff-lzw": Kind(".tif", saved("TIFF", compression="tiff_lzw")),
    "tiff-jpeg": Kind(".tif", saved("TIFF", compression="jpeg", quality=95)),
    "tiff-palette": Kind(".tif", palette("TIFF")),
    "tiff-grey": Kind(".tif", saved("TIFF", "L"), colour=False),
    "tiff-cmyk": Kind(".tif", saved("TIFF", "CMYK")),
    "tiff-lab": Kind(".tif", saved("TIFF", "LAB")),
    "tiff-clear": Kind(".tif", clear("TIFF"), pale=True),
    "tiff-swapped-profile": Kind(".tif", with_profile("TIFF", SWAPPED)),
    "tiff-16": Kind(".tif", tiff(dtype=np.uint16)),
    "tiff-16-big-endian": Kind(".tif", tiff(dtype=np.uint16, byteorder=">")),
    "tiff-float": Kind(".tif", tiff(dtype=np.float32)),
    "tiff-planes": Kind(".tif", tiff(planarconfig="separate")),
    "tiff-16-planes": Kind(".tif", tiff(dtype=np.uint16, planarconfig="separate")),
    "tiff-tiles": Kind(".tif", tiff(tile=(64, 64))),
    "tiff-bigtiff": Kind(".tif", tiff(bigtiff=True)),
    "heic": Kind(".heic", saved("HEIF", quality=90)),
    "heic-10": Kind(".heic", deep_heic(10)),
    "heic-12": Kind(".heic", deep_heic(12)),
    "heic-444": Kind(".heic", saved("HEIF", quality=90, chroma=444)),
    "heic-tiles": Kind(".heic", saved("HEIF", quality=90, tile_size=64)),
    "heic-grey": Kind(".heic", saved("HEIF", "L"), colour=False),
    "heic-clear": Kind(".heic", clear("HEIF", quality=90), pale=True),
    "heic-swapped-profile": Kind(".heic", with_profile("HEIF", SWAPPED, quality=95)),
    "heic-exif-alone": Kind(".heic", heic_by_exif_alone),
    "avif": Kind(".avif", saved("AVIF", quality=90)),
    "avif-clear": Kind(".avif", clear("AVIF", quality=90), pale=True),
    "avif-swapped-profile": Kind(".avif", with_profile("AVIF", SWAPPED, quality=95)),
    "avif-10": Kind(".avif", deep_avif, turns=False),
}
