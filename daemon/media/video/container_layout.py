"""What MP4, Matroska, ASF and AVI files are made of, found by its headers. Nothing is decoded.

Each walk goes over the boxes of one level: from `start` up to the one that reaches `end`, or to what is none.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

#: How many are looked at on one level. Long films have thousands; a hostile file has more than anybody can wait for.
MAX_BOXES = 100_000


@dataclass(frozen=True)
class LayoutBox:
    """`name` is the type or id as it is written. Its content goes from `start` to `end`, as its header says.

    `is_open`: the header says no size; the content is taken to go to the end of what it lies in.
    """

    name: bytes
    start: int
    end: int
    is_open: bool = False


Walk = Callable[[int, int, int], Iterator[LayoutBox]]


def whole_file(fd: int) -> LayoutBox:
    """The file, as what holds all others."""
    return LayoutBox(b"", 0, os.fstat(fd).st_size)


def find_boxes(fd: int, walk: Walk, box: LayoutBox, *path: bytes) -> Iterator[LayoutBox]:
    """All boxes below this one that lie on a path of names."""
    for found in walk(fd, box.start, box.end):
        if found.name == path[0]:
            clipped = LayoutBox(found.name, found.start, min(found.end, box.end), found.is_open)
            if path[1:]:
                yield from find_boxes(fd, walk, clipped, *path[1:])
            else:
                yield clipped


def read_content(fd: int, box: LayoutBox, max_bytes: int = 256) -> bytes:
    """What a box holds, at most so many bytes of it."""
    return os.pread(fd, min(box.end - box.start, max_bytes), box.start)


def iso_boxes(fd: int, start: int, end: int) -> Iterator[LayoutBox]:
    """MP4, MOV: size and type, the size perhaps in eight bytes behind (ISO/IEC 14496-12, 4.2)."""
    for _ in range(MAX_BOXES):
        head = os.pread(fd, 16, start) if start < end else b""
        if len(head) < 8:
            return
        size, header = int.from_bytes(head[:4], "big"), 8
        if size == 1:
            size, header = int.from_bytes(head[8:16], "big"), 16
        is_open = size == 0
        if is_open:
            size = end - start
        if size < header:
            return
        yield LayoutBox(head[4:8], start + header, start + size, is_open)
        start += size


def elements(fd: int, start: int, end: int) -> Iterator[LayoutBox]:
    """Matroska: id and size, both of changing length (RFC 8794, 4 to 6)."""
    for _ in range(MAX_BOXES):
        head = os.pread(fd, 12, start) if start < end else b""
        name = variable_length(head, 4)
        length = variable_length(head[len(name) :], 8)
        if not name or not length:
            return
        at = start + len(name) + len(length)
        bits = (1 << 7 * len(length)) - 1
        size = int.from_bytes(length, "big") & bits
        is_open = size == bits
        start = end if is_open else at + size
        yield LayoutBox(name, at, start, is_open)


def variable_length(head: bytes, longest: int) -> bytes:
    """The bytes of the number that `head` begins with: as many as the first has zeros in front, and one."""
    length = 9 - head[0].bit_length() if head else 0
    return head[:length] if length <= min(longest, len(head)) else b""


def asf_objects(fd: int, start: int, end: int) -> Iterator[LayoutBox]:
    """ASF, WMV: a GUID and a size (Advanced Systems Format specification, 2.1)."""
    for _ in range(MAX_BOXES):
        head = os.pread(fd, 24, start) if start < end else b""
        size = int.from_bytes(head[16:24], "little")
        if len(head) < 24 or size < 24:
            return
        yield LayoutBox(head[:16], start + 24, start + size)
        start += size


def riff_chunks(fd: int, start: int, end: int) -> Iterator[LayoutBox]:
    """AVI: a name and a size, padded to an even one. A list's kind is the first word of its content."""
    for _ in range(MAX_BOXES):
        head = os.pread(fd, 8, start) if start < end else b""
        if len(head) < 8:
            return
        size = int.from_bytes(head[4:8], "little")
        yield LayoutBox(head[:4], start + 8, start + 8 + size)
        start += 8 + size + size % 2
