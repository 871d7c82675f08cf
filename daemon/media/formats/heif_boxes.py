"""Properties of the primary picture and the image sequence, from the boxes of a HEIF or AVIF file.

Sources: ISO/IEC 14496-12 (boxes, tracks), 23008-12 (image items and their properties).
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from daemon.media.picture.colour_profiles import Coding

#: Major brands of image sequences.
SEQUENCE_BRANDS = frozenset({b"hevc", b"hevx", b"hevm", b"hevs", b"msf1", b"avis"})
#: Properties that rotate or mirror the stored picture.
TRANSFORMS = frozenset({b"irot", b"imir"})
#: Boxes with metadata; the others contain the coded data.
METADATA_BOXES = frozenset({b"ftyp", b"meta", b"moov"})
#: Bytes read of each box at most.
MAX_BYTES = 32 * 1024**2
#: Further boxes and frames are ignored.
MAX_BOXES, MAX_FRAMES = 10_000, 100_000
#: No file is so long.
MAX_OFFSET = 1 << 48


@dataclass(frozen=True)
class HeifBox:
    name: bytes
    content: bytes


@dataclass(frozen=True)
class Properties:
    """`has_transform`: the picture has an `irot` or `imir` property. `coding`: from its `nclx` box."""

    has_transform: bool = False
    coding: Coding | None = None


def metadata_boxes(file: BinaryIO) -> list[HeifBox]:
    """The top-level boxes with metadata."""
    return list(top(file, METADATA_BOXES, MAX_BYTES))


def top(file: BinaryIO, names: Container[bytes], max_bytes: int) -> Iterator[HeifBox]:
    """The top-level boxes with those names, at most `max_bytes` of each."""
    at = 0
    for _ in range(MAX_BOXES):
        file.seek(at)
        name, start, size = header(file.read(16))
        if size is not None and size < start:
            return
        if name in names:
            file.seek(at + start)
            yield HeifBox(name, file.read(max_bytes if size is None else min(size - start, max_bytes)))
        if size is None or at + size >= MAX_OFFSET:
            return
        at += size


def header(head: bytes) -> tuple[bytes, int, int | None]:
    """A box's name, the offset of its content, and its size: None for "to the end", 0 without a box."""
    if len(head) < 8:
        return b"", 8, 0
    size, name = uint(head[:4]), head[4:8]
    if size == 1:
        return name, 16, uint(head[8:16])
    return name, 8, size or None


def boxes(content: bytes) -> Iterator[HeifBox]:
    """The sibling boxes in `content`. The last one may be truncated."""
    at = 0
    while at < len(content):
        name, start, size = header(content[at : at + 16])
        end = len(content) if size is None else at + size
        if end < at + start:
            return
        yield HeifBox(name, content[at + start : end])
        at = end


def first_content(among: Iterable[HeifBox], *path: bytes) -> bytes:
    """The content of the first box at that path of names; b"" without one."""
    content = b""
    for name in path:
        content = next((box.content for box in among if box.name == name), b"")
        among = boxes(content[4:] if name == b"meta" else content)  # after version and flags
    return content


def uint(content: bytes) -> int:
    return int.from_bytes(content, "big")


def properties(top: Iterable[HeifBox]) -> Properties:
    """Properties of the primary picture, from the top-level boxes."""
    meta = first_content(top, b"meta")[4:]
    main = first_content(boxes(meta), b"pitm")
    kept = list(boxes(first_content(boxes(meta), b"iprp", b"ipco")))
    item = uint(main[4:8] if main[:1] > b"\0" else main[4:6])
    own = [kept[index - 1] for index in associations(meta, item) if 1 <= index <= len(kept)]
    codings = (coding_of(box.content) for box in own if box.name == b"colr")
    has_transform = any(box.name in TRANSFORMS for box in own)
    return Properties(
        has_transform=has_transform, coding=next((coding for coding in codings if coding is not None), None)
    )


def associations(meta: bytes, item: int) -> Iterator[int]:
    """The properties of a picture, as indices into `ipco`, starting at 1 (23008-12, 9.3.1)."""
    for box in boxes(first_content(boxes(meta), b"iprp")):
        if box.name != b"ipma" or len(box.content) < 8:
            continue
        wide_item, wide = box.content[0] > 0, box.content[3] & 1
        id_bytes, bytes_each, mask = 4 if wide_item else 2, 2 if wide else 1, 0x7FFF if wide else 0x7F
        at = 8
        while at + id_bytes < len(box.content):
            found, count = uint(box.content[at : at + id_bytes]), box.content[at + id_bytes]
            at += id_bytes + 1
            if found == item:
                places = range(at, at + count * bytes_each, bytes_each)
                yield from (uint(box.content[place : place + bytes_each]) & mask for place in places)
            at += count * bytes_each


def coding_of(colr: bytes) -> Coding | None:
    """From an `nclx` colour box (14496-12, 12.1.5); None for one with an ICC profile."""
    if colr[:4] != b"nclx" or len(colr) < 8:
        return None
    return Coding(primaries=uint(colr[4:6]), transfer=uint(colr[6:8]))


def delays(top: Iterable[HeifBox]) -> list[float]:
    """The duration of each frame of the sequence in seconds; empty for a still picture."""
    top = list(top)
    if first_content(top, b"ftyp")[:4] not in SEQUENCE_BRANDS:
        return []
    for box in boxes(first_content(top, b"moov")):
        media = list(boxes(first_content(boxes(box.content), b"mdia"))) if box.name == b"trak" else []
        if first_content(media, b"hdlr")[8:12] in (b"pict", b"vide"):
            return durations(first_content(media, b"mdhd"), first_content(media, b"minf", b"stbl", b"stts"))
    return []


def durations(header: bytes, table: bytes) -> list[float]:
    """Durations of a track's samples, in seconds (14496-12, 8.4.2 and 8.6.1.2)."""
    scale = uint(header[20:24] if header[:1] > b"\0" else header[12:16]) or 1
    found: list[float] = []
    for at in range(8, len(table) - 7, 8):
        count, ticks = uint(table[at : at + 4]), uint(table[at + 4 : at + 8])
        found += [ticks / scale] * min(count, MAX_FRAMES - len(found))
    return found
