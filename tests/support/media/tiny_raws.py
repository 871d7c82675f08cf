"""Minimal camera raw files, and TIFF files with many directories, made byte by byte."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

#: Types of numbers, by their letter in `struct`. All tags but those in KINDS have four bytes.
TYPES = {"B": 1, "H": 3, "I": 4}
KINDS = {33421: "H", 33422: "B", 50706: "B"}
#: PHOTOMETRIC of what a sensor saw behind a colour filter.
FILTERED = 32803


@dataclass
class Directory:
    """`tags`: the values of each. `strips`: the picture's bytes. `jpeg`: a preview. `children`: in a SubIFD tag."""

    tags: dict[int, Sequence[int]]
    strips: Sequence[bytes] = ()
    jpeg: bytes = b""
    children: Sequence[Directory] = field(default_factory=tuple)


def tiff_of(*row: Directory, mark: bytes = b"II*\0") -> bytes:
    """A little-endian TIFF file of these directories; another `mark` makes it a camera's own variant."""
    content = bytearray(mark + bytes(4))
    link = 4
    for directory in row:
        at = written(content, directory)
        content[link : link + 4] = struct.pack("<I", at)
        link = at + 2 + 12 * int.from_bytes(content[at : at + 2], "little")
    return bytes(content)


def written(content: bytearray, directory: Directory) -> int:
    """Append a directory with its data. Returns its offset."""
    tags = {tag: list(numbers) for tag, numbers in directory.tags.items()}
    if directory.strips:
        tags[273] = [appended(content, strip) for strip in directory.strips]
        tags[279] = [len(strip) for strip in directory.strips]
    if directory.jpeg:
        tags[513], tags[514] = [appended(content, directory.jpeg)], [len(directory.jpeg)]
    if directory.children:
        tags[330] = [written(content, child) for child in directory.children]
    entries = b""
    for tag in sorted(tags):
        kind = KINDS.get(tag, "I")
        numbers = struct.pack(f"<{len(tags[tag])}{kind}", *tags[tag])
        value = numbers.ljust(4, b"\0") if len(numbers) <= 4 else struct.pack("<I", appended(content, numbers))
        entries += struct.pack("<HHI", tag, TYPES[kind], len(tags[tag])) + value
    return appended(content, struct.pack("<H", len(tags)) + entries + bytes(4))


def appended(content: bytearray, part: bytes) -> int:
    content += bytes(len(content) % 2)
    at = len(content)
    content += part
    return at


def rgb(picture: Image.Image, **tags: int) -> Directory:
    """A page; with `subfile=1` a reduced version of another."""
    return Directory(shape_of(picture, 2) | named(tags), [picture.convert("RGB").tobytes()])


def sensor(picture: Image.Image, **tags: int) -> Directory:
    """The 16-bit sensor values of the picture behind an RGGB filter."""
    values = np.asarray(picture.convert("RGB")).astype("<u2") * 64
    mosaic = values[..., 1].copy()
    mosaic[::2, ::2], mosaic[1::2, 1::2] = values[::2, ::2, 0], values[1::2, 1::2, 2]
    shape = shape_of(picture, FILTERED) | {258: [16], 277: [1], 33421: [2, 2], 33422: [0, 1, 1, 2], 50717: [16320]}
    return Directory(shape | named(tags), [mosaic.tobytes()])


def shape_of(picture: Image.Image, photometric: int) -> dict[int, Sequence[int]]:
    width, height = picture.size
    return {
        256: [width],
        257: [height],
        258: [8, 8, 8],
        259: [1],
        262: [photometric],
        277: [3],
        278: [height],
    }


def named(tags: dict[str, int]) -> dict[int, Sequence[int]]:
    numbers = {"subfile": 254, "orientation": 274, "old_subfile": 255}
    return {numbers[name]: [value] for name, value in tags.items()}


#: In the first directory: what makes it DNG.
DNG: dict[int, Sequence[int]] = {50706: [1, 4, 0, 0]}


def jpeg_of(picture: Image.Image, **options: object) -> bytes:
    made = io.BytesIO()
    picture.convert("RGB").save(made, "JPEG", quality=95, **options)
    return made.getvalue()


def save_raw(path: Path, *row: Directory, mark: bytes = b"II*\0") -> Path:
    path.write_bytes(tiff_of(*row, mark=mark))
    return path
