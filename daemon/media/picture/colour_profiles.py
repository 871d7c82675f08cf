"""Converts a picture of any Pillow mode, with its colour profile, to sRGB on white."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

from daemon.media.hdr import Primaries, Transfer, to_sdr
from daemon.media.picture.bit_depth import to_8_bits

#: Code points of Rec. ITU-T H.273, as HEIF, AVIF, PNG and ICC profiles use them.
TRANSFERS: dict[int, Transfer] = {16: "pq", 18: "hlg"}
PRIMARIES: dict[int, Primaries] = {1: "bt709", 9: "bt2020", 11: "p3", 12: "p3"}
#: A profile that changes no value by more than this is treated as sRGB, which has many variants.
TOLERANCE = 2
#: A larger profile is ignored; printer profiles have up to 4 MB.
MAX_PROFILE_BYTES = 16 * 1024**2


@dataclass(frozen=True)
class Coding:
    """`primaries` and `transfer`: code points of Rec. ITU-T H.273."""

    primaries: int
    transfer: int


def to_resizable(picture: Image.Image) -> Image.Image:
    """The picture in the smallest mode whose values can be averaged: L, LA, RGB, RGBA or CMYK."""
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        return to_8_bits(picture)
    if picture.info.get("transparency") is not None:
        return expand_transparency(picture)
    match picture.mode:
        case "L" | "LA" | "RGB" | "RGBA" | "CMYK":
            return picture
        case "1":
            return picture.convert("L")
        case "La":
            return picture.convert("LA")
        case "PA" | "RGBa":
            return picture.convert("RGBA")
        case "P" if picture.palette is not None and "A" in picture.palette.mode:
            return picture.convert("RGBA")
        case _:
            return picture.convert("RGB")


def expand_transparency(picture: Image.Image) -> Image.Image:
    """As RGBA: for a picture with a transparent colour, or a palette with alpha values."""
    transparent = picture.info["transparency"]
    if isinstance(transparent, tuple) and max(transparent) > 255:  # 16-bit values; Pillow keeps the upper eight bits
        picture = picture.copy()
        picture.info["transparency"] = tuple(value >> 8 for value in transparent)
    return picture.convert("RGBA")


def is_transparent(picture: Image.Image) -> bool:
    """Whether all of it is fully transparent."""
    return "A" in picture.getbands() and picture.getchannel("A").getextrema()[1] == 0


def to_rgb(picture: Image.Image, profile: bytes | None = None, coding: Coding | None = None) -> Image.Image:
    """sRGB composited on white, as in the stock processor (its `convert_to_rgb`).

    `picture`: as returned by `to_resizable`.
    """
    if "A" not in picture.getbands():
        return to_srgb(picture, profile, coding)
    layer = to_srgb(picture.convert("L" if picture.mode == "LA" else "RGB"), profile, coding)
    layer.putalpha(picture.getchannel("A"))
    return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")


def to_srgb(picture: Image.Image, profile: bytes | None, coding: Coding | None) -> Image.Image:
    """L, RGB or CMYK as sRGB. HDR coding takes precedence over an ICC profile, and the profile over other primaries."""
    profile_coding = coding_in_profile(profile) or coding
    if profile_coding is not None and profile_coding.transfer in TRANSFERS:
        return tone_map(picture, TRANSFERS[profile_coding.transfer], PRIMARIES.get(profile_coding.primaries, "bt2020"))
    if profile:
        transform = profile_transform(profile, picture.mode)
        if transform is not None:
            return ImageCms.applyTransform(picture, transform) or picture.convert("RGB")
    elif coding is not None and PRIMARIES.get(coding.primaries, "bt709") != "bt709":
        return tone_map(picture, "sdr", PRIMARIES[coding.primaries])
    return picture.convert("RGB")


def tone_map(picture: Image.Image, transfer: Transfer, primaries: Primaries) -> Image.Image:
    signal = np.asarray(picture.convert("RGB")).astype(np.uint16) * 257
    return Image.fromarray(to_sdr(signal, transfer=transfer, primaries=primaries))


@lru_cache(maxsize=8)
def profile_transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """The transform from the profile to sRGB. None if it is broken, does not fit the mode, or changes nothing."""
    if len(profile) > MAX_PROFILE_BYTES:
        return None
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        srgb = ImageCms.createProfile("sRGB")
        transform = ImageCms.buildTransform(source, srgb, mode, "RGB", ImageCms.Intent.RELATIVE_COLORIMETRIC)
        return transform if mode == "CMYK" or changes_colours(transform, mode) else None
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


def changes_colours(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Whether it changes any of a few hundred evenly spread colours."""
    levels = np.linspace(0, 255, 6 if mode == "RGB" else 216).astype(np.uint8)
    grid = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(1, -1, 3) if mode == "RGB" else levels[None]
    before = Image.fromarray(grid)
    after = ImageCms.applyTransform(before, transform)
    expected = np.asarray(before.convert("RGB")).astype(int)
    return after is None or bool(np.abs(np.asarray(after) - expected).max() > TOLERANCE)


def coding_in_profile(profile: bytes | None) -> Coding | None:
    """The coding in a profile's `cicp` tag (ICC.1:2022, 9.2.17 and 10.3). HDR profiles have one."""
    if not profile or profile[36:40] != b"acsp":
        return None
    for at in range(132, 132 + 12 * min(int.from_bytes(profile[128:132], "big"), 100), 12):
        if profile[at : at + 4] == b"cicp":
            start = int.from_bytes(profile[at + 4 : at + 8], "big")
            tag = profile[start : start + 12]
            return Coding(primaries=tag[8], transfer=tag[9]) if len(tag) == 12 else None
    return None
