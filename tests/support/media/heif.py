"""Uncommon HEIC and AVIF files: ten bits, sequences, or with the orientation in EXIF only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pillow_heif
from PIL import Image

from tests.support.media.media_files import save_image, save_video

#: EXIF's entry for an orientation, and for a tag of the same kind that no program asks for.
ORIENTATION, OTHER, UNUSED = b"\x01\x12\0\3\0\0\0\1", b"\x01\x15\0\3\0\0\0\1", b"\x01\x16\0\3\0\0\0\1"


def save_tagged(path: Path, picture: Image.Image, format: str, *, tag: int, turned: int = 1) -> Path:
    """Write a picture with the EXIF orientation `tag`, and `irot` and `imir` for the orientation `turned`, if any."""
    exif = Image.Exif()
    exif[0x0115] = tag
    if turned != 1:
        exif[0x0112] = turned
    content = save_image(path, picture, format, exif=exif.tobytes()).read_bytes()
    assert content.count(OTHER) == 1
    path.write_bytes(content.replace(ORIENTATION, UNUSED).replace(OTHER, ORIENTATION))
    return path


def save_deep_heic(path: Path, picture: Image.Image, *, primaries: int = 9, transfer: int = 16) -> Path:
    """Write a picture in ten bits, with the colour tags of H.273 (transfer 16 is PQ, 18 is HLG)."""
    heif = pillow_heif.HeifFile()
    values = np.asarray(picture.convert("RGB")).astype("<u2") * 257
    heif.add_frombytes("RGB;16", picture.size, values.tobytes())
    heif.save(path, quality=95, color_primaries=primaries, matrix_coefficients=9)
    return recoded(path, primaries, transfer)


def recoded(path: Path, primaries: int, transfer: int) -> Path:
    """Change the colour tags in a HEIC or AVIF file, not its values."""
    content = bytearray(path.read_bytes())
    at = content.index(b"nclx") + 4
    content[at : at + 4] = primaries.to_bytes(2, "big") + transfer.to_bytes(2, "big")
    path.write_bytes(content)
    return path


def save_heic_sequence(path: Path, frames: Sequence[Image.Image], fps: float = 8) -> Path:
    """Write frames as a HEVC image sequence: an MP4 file with such a brand and track."""
    film = save_video(path.with_suffix(".mp4"), frames, fps, "libx265")
    content = bytearray(film.read_bytes())
    size = int.from_bytes(content[:4], "big")
    brands = b"hevc" + bytes(4) + b"msf1" + b"hevc" + b"mif1"
    content[8:size] = brands.ljust(size - 8, b" ")[: size - 8]
    at = content.index(b"vide")
    content[at : at + 4] = b"pict"
    path.write_bytes(content)
    return path
