"""Boxes of MP4, QuickTime and HEIF files (ISO/IEC 14496-12), header by header. Pure: the bytes are passed in.

Bounded on hostile files: a `BoxReader` returns nothing more after a maximum of bytes or reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

HEADER_BYTES = 16


class BoxReader:
    """Reads a file of `size` bytes through `read(length, at)`, as os.pread does; b"" once its limits are reached."""

    def __init__(self, read: Callable[[int, int], bytes], size: int, *, max_bytes: int, max_reads: int) -> None:
        self._read = read
        self._size = size
        self._bytes_left = max_bytes
        self._reads_left = max_reads

    def __call__(self, length: int, at: int) -> bytes:
        if self._reads_left <= 0 or length > self._bytes_left or at >= self._size:
            return b""
        found = self._read(length, at)
        self._reads_left -= 1
        self._bytes_left -= len(found)
        return found


class Box(NamedTuple):
    """`start` and `end` of the content, in bytes from the beginning of the data."""

    name: bytes
    start: int
    end: int


def boxes(read: Callable[[int, int], bytes], start: int, end: int) -> Iterator[Box]:
    """The boxes between two offsets, up to the first invalid size. Does not descend into them."""
    at = start
    while at + 8 <= end:
        head = read(min(HEADER_BYTES, end - at), at)
        size, content = uint(head, 0, 4), at + 8
        if size == 1:  # a 64-bit size follows the name
            size, content = uint(head, 8, 8), at + 16
        elif size == 0:  # to the end
            size = end - at
        if len(head) < content - at or size < content - at:
            return
        yield Box(head[4:8], content, min(at + size, end))
        at += size


def child(read: Callable[[int, int], bytes], parent: Box, name: bytes) -> Box | None:
    """The first direct child of that name."""
    return next((box for box in boxes(read, parent.start, parent.end) if box.name == name), None)


def read_content(read: Callable[[int, int], bytes], box: Box, max_bytes: int) -> bytes:
    """The content of a box; b"" if it is longer than `max_bytes`, or incomplete."""
    length = box.end - box.start
    content = read(length, box.start) if length <= max_bytes else b""
    return content if len(content) == length else b""


def reader_of(content: bytes) -> Callable[[int, int], bytes]:
    """A `read(length, at)` function over bytes in memory."""
    return lambda length, at: content[at : at + length]


def uint(content: bytes, at: int, size: int) -> int:
    """Big-endian and unsigned; 0 past the end."""
    return int.from_bytes(content[at : at + size], "big")
