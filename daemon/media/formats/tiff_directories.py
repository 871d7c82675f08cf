"""The directories (IFDs) of a TIFF file, each of which describes a picture.

Source: TIFF 6.0; Adobe's DNG 1.7 and TIFF/EP for camera raw files.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Literal

#: Byte order.
Order = Literal["little", "big"]

SUBFILE, OLD_SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 254, 255, 256, 257, 258, 259, 262
STRIPS, ORIENTATION, SAMPLES, STRIP_ROWS, STRIP_BYTES, PLANES, PREDICTOR = 273, 274, 277, 278, 279, 284, 317
TILE_WIDTH, TILE_HEIGHT, TILES, TILE_BYTES, DIRECTORIES, EXTRA, SAMPLE_FORMAT = 322, 323, 324, 325, 330, 338, 339
DNG_VERSION, DNG_CROP = 50706, 50720
#: Panasonic: top, left, bottom and right border of the picture on the sensor.
BORDERS = (4, 5, 6, 7)
TAGS_READ = frozenset(
    {SUBFILE, OLD_SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, STRIPS, ORIENTATION, SAMPLES, STRIP_ROWS}
    | {STRIP_BYTES, PLANES, PREDICTOR, TILE_WIDTH, TILE_HEIGHT, TILES, TILE_BYTES, DIRECTORIES, EXTRA, SAMPLE_FORMAT}
    | {DNG_VERSION, DNG_CROP, *BORDERS}
)
#: Bits of SUBFILE: a reduced version of another picture, or a mask. In OLD_SUBFILE the value 2 means reduced.
REDUCED, MASK, OLD_REDUCED = 1, 4, 2
#: PHOTOMETRIC of sensor data: colour filter array, linear raw.
SENSOR = frozenset({32803, 34892})

#: Magic numbers after the byte order: TIFF, BigTIFF, and those of Olympus and Panasonic.
MARKS = frozenset({b"*\0", b"\0*", b"+\0", b"\0+", b"RO", b"RS", b"OR", b"U\0"})
#: Types of integers, and of rationals, which are read as numerator and denominator.
NUMBERS = {1: "B", 3: "H", 4: "I", 5: "II", 13: "I", 16: "Q", 18: "Q"}
#: Limits: directories in the chain, nested directories, entries in a directory, numbers in an entry.
MAX_DIRECTORIES, MAX_NESTED, MAX_ENTRIES, MAX_NUMBERS = 10_000, 1_000, 10_000, 100_000
#: No file is so long.
MAX_OFFSET = 1 << 48


@dataclass(frozen=True)
class Directory:
    """`tags`: the values of TAGS_READ. `nested`: a sub-directory of another one, not part of the main chain."""

    offset: int
    order: Order
    tags: Mapping[int, tuple[int, ...]]
    nested: bool

    def get(self, tag: int, default: int = 0) -> int:
        return next(iter(self.tags.get(tag, ())), default)

    @property
    def size(self) -> tuple[int, int]:
        return self.get(WIDTH), self.get(HEIGHT)

    @property
    def crop(self) -> tuple[int, int] | None:
        """The size after cropping: from DNG's tag, in integers or rationals, or from Panasonic's."""
        if all(tag in self.tags for tag in BORDERS):
            top, left, bottom, right = (self.get(tag) for tag in BORDERS)
            return right - left, bottom - top
        match self.tags.get(DNG_CROP):
            case width, height:
                return width, height
            case width, width_under, height, height_under if width_under and height_under:
                return width // width_under, height // height_under
            case _:
                return None

    @property
    def is_page(self) -> bool:
        return not (self.get(SUBFILE) & (REDUCED | MASK) or self.get(OLD_SUBFILE) == OLD_REDUCED)

    @property
    def is_sensor(self) -> bool:
        return self.get(PHOTOMETRIC, -1) in SENSOR or BORDERS[0] in self.tags


def directories(file: BinaryIO) -> list[Directory]:
    """Those of the main chain and their sub-directories, as far as they can be read."""
    file.seek(0)
    head = file.read(16)
    if head[:2] not in (b"II", b"MM") or head[2:4] not in MARKS:
        return []
    reader = TiffReader(file, "little" if head[:1] == b"I" else "big", big=head[2:4] in (b"+\0", b"\0+"))
    first = head[8:16] if reader.big else head[4:8]
    chain = [reader.directory(offset) for offset in reader.chain(int.from_bytes(first, reader.order))]
    nested = [offset for parent in chain for offset in parent.tags.get(DIRECTORIES, ())]
    return chain + [reader.directory(offset, nested=True) for offset in nested[:MAX_NESTED]]


def with_first_directory(content: bytes, offset: int) -> bytes:
    """The same file with that directory first. Not for BigTIFF."""
    order: Order = "little" if content[:1] == b"I" else "big"
    return content[:4] + offset.to_bytes(4, order) + content[8:]


@dataclass(frozen=True)
class TiffReader:
    """Reads a TIFF file's numbers; `big`: BigTIFF, with eight-byte offsets."""

    file: BinaryIO
    order: Order
    big: bool

    def chain(self, offset: int) -> Iterator[int]:
        """The offset of each directory, from the first to the last, or to a loop."""
        seen: set[int] = set()
        count_bytes, entry_bytes, offset_bytes = (8, 20, 8) if self.big else (2, 12, 4)
        while offset and offset not in seen and len(seen) < MAX_DIRECTORIES:
            seen.add(offset)
            yield offset
            end = offset + count_bytes + entry_bytes * self.number(offset, count_bytes)
            offset = self.number(end, offset_bytes)

    def directory(self, offset: int, *, nested: bool = False) -> Directory:
        count_bytes, entry_bytes = (8, 20) if self.big else (2, 12)
        count = min(self.number(offset, count_bytes), MAX_ENTRIES)
        content = self.read(offset + count_bytes, entry_bytes * count)
        tags: dict[int, tuple[int, ...]] = {}
        for at in range(0, len(content) - entry_bytes + 1, entry_bytes):
            entry = content[at : at + entry_bytes]
            tag, kind = (int.from_bytes(entry[start : start + 2], self.order) for start in (0, 2))
            if tag in TAGS_READ and kind in NUMBERS:
                tags[tag] = self.numbers(kind, entry[4:])
        return Directory(offset, self.order, tags, nested)

    def numbers(self, kind: int, entry: bytes) -> tuple[int, ...]:
        """The values of one entry: stored after the count, or at an offset."""
        width = 8 if self.big else 4
        count, rest = int.from_bytes(entry[:width], self.order), entry[width:]
        code = ("<" if self.order == "little" else ">") + NUMBERS[kind] * min(count, MAX_NUMBERS)
        size = struct.calcsize(code)
        if size > width:
            rest = self.read(int.from_bytes(rest, self.order), size)
        return struct.unpack(code, rest[:size]) if len(rest) >= size else ()

    def number(self, offset: int, size: int) -> int:
        """0 past the end."""
        return int.from_bytes(self.read(offset, size), self.order)

    def read(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes."""
        if offset >= MAX_OFFSET:
            return b""
        self.file.seek(offset)
        return self.file.read(size)
