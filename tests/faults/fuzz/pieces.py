"""Where the parts of a file begin and end: boxes, chunks, elements, packets, pages, segments. Pure.

So that a mutation can take, double or exchange whole parts, and keep the sizes around them true: a parser that stumbles
over a wrong size in front never sees what else is wrong.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

PNG = b"\x89PNG\r\n\x1a\n"
#: Boxes that hold boxes, and how many bytes stand before the first.
HOLDERS = {
    name: skip
    for names, skip in (
        (b"moov trak mdia minf stbl dinf edts udta moof traf mvex iprp ipco meco sinf schi", 0),
        (b"meta iref", 4),
        (b"iinf", 6),
        (b"stsd dref", 8),
        (b"avc1 hvc1 hev1 av01 vp09 mp4v encv", 78),
    )
    for name in names.split()
}
#: Matroska's elements that hold elements.
MASTERS = {
    bytes.fromhex(name)
    for name in "1a45dfa3 18538067 114d9b74 1549a966 1654ae6b ae e0 1c53bb6b bb b7 1f43b675 a0 1941a469 61a7".split()
}
PACKETS = ((188, 0), (192, 4))


Order = Literal["little", "big"]


@dataclass(frozen=True)
class Size:
    """A number in the file that counts bytes. `extra`: by how much it differs from those of the part's body."""

    at: int
    width: int
    order: Order

    def read(self, content: bytes | bytearray) -> int:
        return int.from_bytes(content[self.at : self.at + self.width], self.order)

    def write(self, content: bytearray, value: int) -> None:
        value &= (1 << 8 * self.width) - 1
        content[self.at : self.at + self.width] = value.to_bytes(self.width, self.order)


@dataclass(frozen=True)
class Piece:
    """`content[start:end]` is the whole part, from `body` on what it holds; `sizes`: its own and those around it."""

    start: int
    body: int
    end: int
    sizes: tuple[Size, ...] = ()


Find = Callable[[bytes], Iterator[Piece]]


def pieces(content: bytes) -> list[Piece]:
    """All parts, those that lie in others too; none of a file whose structure is not known here."""
    for knows, find in FINDERS:
        if knows(content):
            return [piece for piece in find(content) if 0 <= piece.start < piece.end <= len(content)]
    return []


def iso_boxes(content: bytes, at: int = 0, end: int | None = None, around: tuple[Size, ...] = ()) -> Iterator[Piece]:
    end = len(content) if end is None else end
    while at + 8 <= end:
        size, name = struct.unpack_from(">I4s", content, at)
        until = min(at + size, end) if size >= 8 else end
        sizes = (*around, Size(at, 4, "big"))
        yield Piece(at, at + 8, until, sizes)
        if name in HOLDERS:
            yield from iso_boxes(content, at + 8 + HOLDERS[name], until, sizes)
        at = until


def png_chunks(content: bytes) -> Iterator[Piece]:
    at = len(PNG)
    while at + 12 <= len(content):
        end = at + 12 + int.from_bytes(content[at : at + 4], "big")
        yield Piece(at, at + 8, min(end, len(content)), (Size(at, 4, "big"),))
        at = end


def riff_chunks(content: bytes, at: int = 0, end: int | None = None, around: tuple[Size, ...] = ()) -> Iterator[Piece]:
    end = len(content) if end is None else end
    while at + 8 <= end:
        name, size = struct.unpack_from("<4sI", content, at)
        until = min(at + 8 + size + size % 2, end)
        sizes = (*around, Size(at + 4, 4, "little"))
        yield Piece(at, at + 8, until, sizes)
        if name in (b"RIFF", b"LIST"):
            yield from riff_chunks(content, at + 12, until, sizes)
        at = until


def elements(content: bytes, at: int = 0, end: int | None = None) -> Iterator[Piece]:
    """Of EBML. Their sizes are of many widths and often unknown: they stay as they are."""
    end = len(content) if end is None else end
    while at + 2 <= end:
        name = width_of(content[at])
        size = width_of(content[at + name]) if at + name < end else 0
        body = at + name + size
        if not name or not size or body > end:
            return
        length = int.from_bytes(content[at + name : body], "big") & ((1 << 7 * size) - 1)
        until = end if length == (1 << 7 * size) - 1 else min(body + length, end)
        yield Piece(at, body, until)
        if content[at : at + name] in MASTERS:
            yield from elements(content, body, until)
        at = until


def width_of(first: int) -> int:
    """How many bytes a number of EBML has, by its first."""
    return 9 - first.bit_length() if first else 0


def packets(content: bytes) -> Iterator[Piece]:
    length, start = next(each for each in PACKETS if content[each[1] :: each[0]][:3] == b"GGG")
    for at in range(0, len(content) - length + 1, length):
        yield Piece(at, at + start + 4, at + length)


def pages(content: bytes) -> Iterator[Piece]:
    """Of Ogg, start codes of MPEG, and the like: from one mark to the next."""
    mark = b"OggS" if content.startswith(b"OggS") else b"\0\0\1"
    at = 0
    while at >= 0:
        following = content.find(mark, at + len(mark))
        yield Piece(at, at + len(mark) + 1, following if following > 0 else len(content))
        at = following


def jpeg_segments(content: bytes) -> Iterator[Piece]:
    at = 2
    while at + 4 <= len(content) and content[at] == 0xFF:
        size = int.from_bytes(content[at + 2 : at + 4], "big")
        yield Piece(at, at + 4, min(at + 2 + size, len(content)), (Size(at + 2, 2, "big"),))
        if content[at + 1] == 0xDA:
            return
        at += 2 + size


def tiff_entries(content: bytes) -> Iterator[Piece]:
    """The tags of the first folders, whose count stays as it is."""
    order = ">" if content.startswith(b"MM") else "<"
    (at,) = struct.unpack_from(f"{order}I", content, 4)
    for _ in range(4):
        if not 0 < at <= len(content) - 2:
            return
        (count,) = struct.unpack_from(f"{order}H", content, at)
        for entry in range(at + 2, min(at + 2 + 12 * count, len(content) - 12), 12):
            yield Piece(entry, entry + 4, entry + 12)
        following = at + 2 + 12 * count
        at = struct.unpack_from(f"{order}I", content, following)[0] if following + 4 <= len(content) else 0


def flv_tags(content: bytes) -> Iterator[Piece]:
    at = 13
    while at + 15 <= len(content):
        end = at + 15 + int.from_bytes(content[at + 1 : at + 4], "big")
        yield Piece(at, at + 11, min(end, len(content)), (Size(at + 1, 3, "big"),))
        at = end


def asf_objects(content: bytes, at: int = 0, end: int | None = None, around: tuple[Size, ...] = ()) -> Iterator[Piece]:
    end = len(content) if end is None else end
    while at + 24 <= end:
        size = int.from_bytes(content[at + 16 : at + 24], "little")
        until = min(at + size, end) if size >= 24 else end
        sizes = (*around, Size(at + 16, 8, "little"))
        yield Piece(at, at + 24, until, sizes)
        if not around and at == 0:
            yield from asf_objects(content, 30, until, sizes)
        at = until


def klv_triplets(content: bytes) -> Iterator[Piece]:
    """Of MXF: a key of 16 bytes, a length of one byte or of four behind 0x83."""
    at = 0
    while at + 20 <= len(content):
        long = content[at + 16] & 0x80
        width = content[at + 16] & 0x7F if long else 0
        length = int.from_bytes(content[at + 17 : at + 17 + width], "big") if long else content[at + 16]
        body = at + 17 + width
        sizes = (Size(at + 17, width, "big"),) if width else ()
        yield Piece(at, body, min(body + length, len(content)), sizes)
        at = body + length


FINDERS: tuple[tuple[Callable[[bytes], bool], Find], ...] = (
    (lambda content: content.startswith(PNG), png_chunks),
    (lambda content: content.startswith(b"RIFF"), riff_chunks),
    (lambda content: content.startswith(b"\x1a\x45\xdf\xa3"), elements),
    (lambda content: content.startswith((b"OggS", b"\0\0\1")), pages),
    (lambda content: content.startswith(b"\xff\xd8\xff"), jpeg_segments),
    (lambda content: content.startswith((b"II*\0", b"MM\0*")), tiff_entries),
    (lambda content: content.startswith(b"FLV\1"), flv_tags),
    (lambda content: content.startswith(b"\x30\x26\xb2\x75"), asf_objects),
    (lambda content: content.startswith(b"\x06\x0e\x2b\x34"), klv_triplets),
    (lambda content: any(content[start::length][:3] == b"GGG" for length, start in PACKETS), packets),
    (lambda content: content[4:8] in (b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip", b"uuid"), iso_boxes),
)


def with_true_sums(content: bytearray) -> bytearray:
    """A PNG's chunks with the checksums of what is in them now; other files as they are."""
    if content.startswith(PNG):
        for piece in png_chunks(bytes(content)):
            if piece.end - piece.start >= 12:
                content[piece.end - 4 : piece.end] = zlib.crc32(content[piece.start + 4 : piece.end - 4]).to_bytes(
                    4, "big"
                )
    return content
