"""TIFF structures tag by tag, as cameras write them and no library here can."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, MAKE, ORIENTATION = 256, 257, 258, 259, 262, 271, 274
STRIPS, SAMPLES, ROWS, STRIP_BYTES, SUB_FOLDERS, SUBFILE = 273, 277, 278, 279, 330, 254
JPEG_OFFSET, JPEG_BYTES, DNG_VERSION, CFA_SIZE, CFA_PATTERN = 513, 514, 50706, 33421, 33422

SIZES = {1: 1, 2: 1, 3: 2, 4: 4}
FORMS = {1: "B", 2: "B", 3: "H", 4: "I"}


#: What a tag can have.
Value = int | Sequence[int] | bytes | str


@dataclass
class Folder:
    """One image file directory.

    `tags`: a number, numbers, or text or bytes; `strip`: what STRIPS points at; `jpeg`: what JPEG_OFFSET points at;
    `below`: what SUB_FOLDERS points at.
    """

    tags: dict[int, Value]
    strip: bytes | None = None
    jpeg: bytes | None = None
    below: list[Folder] = field(default_factory=list)


def tiff(folders: Sequence[Folder], *, magic: bytes = b"II*\0", after: bytes = b"") -> bytes:
    """A little-endian file with a chain of these directories. `after`: bytes after the header."""
    content = bytearray(magic + bytes(4) + after)
    places, ends = [], []
    for folder in folders:
        place, end = put(content, folder)
        places.append(place)
        ends.append(end)
    struct.pack_into("<I", content, 4, places[0])
    for end, place in zip(ends, places[1:], strict=False):
        struct.pack_into("<I", content, end, place)
    return bytes(content)


def put(content: bytearray, folder: Folder) -> tuple[int, int]:
    """Append the directory and its data. Returns its offset, and where the offset of the next one is stored."""
    tags = dict(folder.tags)
    for data, place, size in ((folder.strip, STRIPS, STRIP_BYTES), (folder.jpeg, JPEG_OFFSET, JPEG_BYTES)):
        if data is not None:
            tags |= {place: append(content, data), size: len(data)}
    if folder.below:
        tags[SUB_FOLDERS] = [put(content, each)[0] for each in folder.below]
    entries = b"".join(entry(content, tag, tags[tag]) for tag in sorted(tags))
    at = append(content, struct.pack("<H", len(tags)) + entries + bytes(4))
    return at, len(content) - 4


def entry(content: bytearray, tag: int, value: Value) -> bytes:
    numbers: Sequence[int]
    if isinstance(value, str):
        kind, numbers = 2, value.encode() + b"\0"
    elif isinstance(value, bytes):
        kind, numbers = 1, value
    else:
        numbers = [value] if isinstance(value, int) else list(value)
        kind = 4 if max(numbers) > 0xFFFF or tag in (STRIPS, JPEG_OFFSET, SUB_FOLDERS) else 3
    packed = struct.pack(f"<{len(numbers)}{FORMS[kind]}", *numbers)
    if len(packed) > 4:
        packed = struct.pack("<I", append(content, packed))
    return struct.pack("<HHI", tag, kind, len(numbers)) + packed.ljust(4, b"\0")


def append(content: bytearray, data: bytes) -> int:
    content += bytes(len(content) % 2)
    at = len(content)
    content += data
    return at
