"""HEIC and AVIF files as few programs write them: deep, in sequence, or with an orientation tag alone."""

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
    """Write a picture whose EXIF data says `tag`, and whose file says beside it what `turned` means, if anything."""
    exif = Image.Exif()
    exif[0x0115] = tag
    if turned != 1:
        exif[0x0112] = turned
    content = save_image(path, picture, format, exif=exif.tobytes()).read_bytes()
    assert content.count(OTHER) == 1
    path.write_bytes(content.replace(ORIENTATION, UNUSED).replace(OTHER, ORIENTATION))
    return path


def save_deep_heic(path: Path, picture: Image.Image, *, primaries: int = 9, transfer: int = 16) -> Path:
    """Write a picture's values as ten bits, and say which colours they mean (numbers of H.273; 16 is PQ, 18 HLG)."""
    heif = pillow_heif.HeifFile()
    values = np.asarray(picture.convert("RGB")).astype("<u2") * 257
    heif.add_frombytes("RGB;16", picture.size, values.tobytes())
    heif.save(path, quality=95, color_primaries=primaries, matrix_coefficients=9)
    return recoded(path, primaries, transfer)


def recoded(path: Path, primaries: int, transfer: int) -> Path:
    """Say in a HEIC or AVIF file that its values mean other colours. The values stay as they are."""
    content = bytearray(path.read_bytes())
    at = content.index(b"nclx") + 4
    content[at : at + 4] = primaries.to_bytes(2, "big") + transfer.to_bytes(2, "big")
    path.write_bytes(content)
    return path


def save_heic_sequence(path: Path, frames: Sequence[Image.Image], fps: float = 8) -> Path:
    """Write frames as HEVC in the container of pictures: an MP4 file whose brand and track say so."""
    film = save_video(path.with_suffix(".mp4"), frames, fps, "libx265")
    content = bytearray(film.read_bytes())
    size = int.from_bytes(content[:4], "big")
    brands = b"hevc" + bytes(4) + b"msf1" + b"hevc" + b"mif1"
    content[8:size] = brands.ljust(size - 8, b" ")[: size - 8]
    at = content.index(b"vide")
    content[at : at + 4] = b"pict"
    path.write_bytes(content)
    return path
