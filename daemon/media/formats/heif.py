"""HEIC and AVIF: still pictures, grids of tiles, and sequences."""

from __future__ import annotations

from typing import Any, BinaryIO

import pillow_heif
from PIL import AvifImagePlugin, Image

from daemon.errors import UnreadableError
from daemon.media.clip import DecodePlan
from daemon.media.formats import heif_boxes as boxes
from daemon.media.picture.colour_profiles import Coding
from daemon.media.picture.orientation import DECODE_ERRORS, transpose_in_exif, transpose_of
from daemon.media.picture.stored_picture import LARGE_PIXELS, MAX_PIXELS, StoredPicture, check_pixels

# Depth maps, gain maps and thumbnails are not used.
pillow_heif.options.THUMBNAILS = pillow_heif.options.DEPTH_IMAGES = pillow_heif.options.AUX_IMAGES = False

#: Rows copied at once.
ROWS = 512


def load_heic(file: BinaryIO, plan: DecodePlan) -> StoredPicture:
    """The primary picture. If it has more than MAX_PIXELS, it is decoded tile by tile and shrunk.

    The EXIF orientation counts only without `irot` and `imir`: the standard uses these, but phones have written files
    with the tag only, and macOS applies it.
    """
    properties = boxes.properties(boxes.metadata_boxes(file))
    image = main_picture(file)
    check_heic(image)
    nclx = image.info.get("nclx_profile")
    coding = Coding(nclx["color_primaries"], nclx["transfer_characteristics"]) if nclx else None
    return StoredPicture(
        picture=unpack(image, plan.image_edge),
        size=image.size,
        transpose=None if properties.has_transform else transpose_in_exif(image.info["exif"]),
        coding=properties.coding or coding,
    )


def main_picture(file: BinaryIO) -> Any:
    """A `pillow_heif.HeifImage`, not decoded yet."""
    file.seek(0)
    images = pillow_heif.HeifFile(file)
    if len(images) == 0:
        raise UnreadableError("The file contains no picture.")
    return images[images.primary_index]


def check_heic(image: Any) -> None:
    """Limits each coded picture to MAX_PIXELS, and a grid of tiles to LARGE_PIXELS."""
    tiles = image.info.get("tiling")
    width, height = image.size
    if tiles is not None:
        check_pixels(tiles["tile_width"], tiles["tile_height"])
    check_pixels(width, height, MAX_PIXELS if tiles is None else LARGE_PIXELS)


def unpack(image: Any, edge: int) -> Image.Image:
    """Decode. A very large picture is averaged in strips to at least `edge`, so that it is not copied whole."""
    values, (width, height), mode = image.data, image.size, image.mode
    factor = max(max(width, height) // (2 * edge), 1) if width * height > MAX_PIXELS else 1
    if factor == 1:
        picture = Image.frombuffer(mode, (width, height), values, "raw", mode, image.stride, 1)
    else:
        picture = Image.new(mode, (-(-width // factor), -(-height // factor)))
        for top in range(0, height, ROWS * factor):
            rows = min(ROWS * factor, height - top)
            part = values[top * image.stride : (top + rows) * image.stride]
            strip = Image.frombuffer(mode, (width, rows), part, "raw", mode, image.stride, 1)
            picture.paste(strip.reduce(factor), (0, top // factor))
    picture.info = {"icc_profile": image.info.get("icc_profile")}
    return picture


def load_avif(file: BinaryIO, plan: DecodePlan) -> StoredPicture:
    """A still picture, or a sequence whose frames are not decoded yet. Pillow returns eight bits for deeper ones."""
    top = boxes.metadata_boxes(file)
    properties = boxes.properties(top)
    file.seek(0)
    picture = AvifImagePlugin.AvifImageFile(file)
    check_pixels(*picture.size)
    transpose = (
        transpose_of_avif(file) if "exif" in picture.info and not properties.has_transform else transpose_of(picture)
    )
    delays = boxes.delays(top)[: picture.n_frames]
    if len(delays) <= 1:
        picture.load()
    return StoredPicture(
        picture=picture, size=picture.size, transpose=transpose, coding=properties.coding, delays=delays
    )


def transpose_of_avif(file: BinaryIO) -> Image.Transpose | None:
    """From the EXIF data as stored: Pillow overwrites its orientation by `irot` and `imir`, even if both are absent."""
    try:
        return transpose_in_exif(main_picture(file).info["exif"])
    except DECODE_ERRORS:
        return None
