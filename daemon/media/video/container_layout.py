"""Walks the boxes of MP4, Matroska, ASF and AVI files by their headers. Nothing is decoded.

Each walk yields the boxes of one level: from `start` to the one that reaches `end`, or to the first invalid header.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

#: Maximum number of boxes on one level. Long videos have thousands; a hostile file may have any number.
MAX_BOXES = 100_000


@dataclass(frozen=True)
class LayoutBox:
    """`name`: the type or ID as stored. `start` and `end` of the content, as stated in the header.

    `is_open`: the header states no size; the content extends to the end of its parent.
    """

    name: bytes
    start: int
    end: int
    is_open: bool = False


Walk = Callable[[int, int, int], Iterator[LayoutBox]]


def whole_file(fd: int) -> LayoutBox:
    """The whole file as a box."""
    return LayoutBox(b"", 0, os.fstat(fd).st_size)


def find_boxes(fd: int, walk: Walk, box: LayoutBox, *path: bytes) -> Iterator[LayoutBox]:
    """All descendants of the box on a path of names."""
    for found in walk(fd, box.start, box.end):
        if found.name == path[0]:
            clipped = LayoutBox(found.name, found.start, min(found.end, box.end), found.is_open)
            if path[1:]:
                yield from find_boxes(fd, walk, clipped, *path[1:])
            else:
                yield clipped


def read_content(fd: int, box: LayoutBox, max_bytes: int = 256) -> bytes:
    """The content of a box, at most `max_bytes` bytes."""
    return os.pread(fd, min(box.end - box.start, max_bytes), box.start)


def iso_boxes(fd: int, start: int, end: int) -> Iterator[LayoutBox]:
    """MP4, MOV: size and type, then perhaps a 64-bit size (ISO/IEC 14496-12, 4.2)."""
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
    """Matroska: ID and size, both of variable length (RFC 8794, 4 to 6)."""
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
    """The variable-length number at the beginning of `head`; its length is the first byte's leading zeros plus one."""
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
    """AVI: a name and a size, padded to an even number. The type of a list is the first word of its content."""
    for _ in range(MAX_BOXES):
        head = os.pread(fd, 8, start) if start < end else b""
        if len(head) < 8:
            return
        size = int.from_bytes(head[4:8], "little")
        yield LayoutBox(head[:4], start + 8, start + 8 + size)
        start += 8 + size + size % 2
