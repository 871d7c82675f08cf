"""The chunks of PNG and RIFF files, without their content."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Literal

#: Further chunks are ignored.
MAX_CHUNKS = 1_000_000
#: Bytes before the first chunk.
PNG_HEADER, RIFF_HEADER = 8, 12


@dataclass(frozen=True)
class Chunk:
    """`start`: offset of its content in the file."""

    name: bytes
    start: int
    size: int


def png_chunks(file: BinaryIO) -> Iterator[Chunk]:
    """Length, name, content and checksum, one after the other (PNG, 5.3)."""
    return walk(file, PNG_HEADER, "big")


def riff_chunks(file: BinaryIO) -> Iterator[Chunk]:
    """Name, length and content, padded to an even length."""
    return walk(file, RIFF_HEADER, "little")


def walk(file: BinaryIO, at: int, order: Literal["big", "little"]) -> Iterator[Chunk]:
    for _ in range(MAX_CHUNKS):
        file.seek(at)
        head = file.read(8)
        if len(head) < 8:
            return
        length, name = (head[:4], head[4:]) if order == "big" else (head[4:], head[:4])
        size = int.from_bytes(length, order)
        yield Chunk(name, at + 8, size)
        at += 8 + size + (4 if order == "big" else size & 1)
