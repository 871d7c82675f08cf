"""The two halves of a Live Photo: a picture and a short video of the same moment, in two files. Needs no codec.

Apple writes one identifier into both: into the picture's EXIF (JPEG: segment APP1; HEIC: the item of type Exif), and
into the video as the key com.apple.quicktime.content.identifier (QuickTime's metadata: boxes keys and ilst).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from daemon.media.isobmff import Box, BoxReader, boxes, child, read_content, reader_of, uint
from daemon.media.maker_note import identifier_in
from daemon.media.sniff import HEAD_BYTES, sniff
from storage.records import MediaKind

Read = Callable[[int, int], bytes]

#: Limits for hostile files, far above what real files need (about 60 KB in 20 reads).
MAX_BYTES = 400_000
MAX_READS = 300
MAX_LIST_BYTES = 65_536

KEY = b"com.apple.quicktime.content.identifier"
APPLE_KEYS = b"com.apple.quicktime."
#: Apple's UUIDs, and identifiers that other programs may write instead; not only zeros.
IDENTIFIER = re.compile(r"(?=.*[1-9A-Z])[!-~]{4,100}")

#: Live Photos last three seconds at most; without an identifier, a longer video is a separate item.
MAX_SECONDS = 4.0


@dataclass(frozen=True)
class LivePhotoHalf:
    """A file that may be half of a Live Photo. `identifier` is None if it has none.

    `pairs_by_name`: without an identifier, it pairs with a file of the same name. Such a video must be short and not
    be Apple's: Apple's videos have an identifier if they belong to a picture.
    """

    kind: MediaKind
    identifier: str | None
    pairs_by_name: bool

    @property
    def is_picture(self) -> bool:
        return self.kind is MediaKind.IMAGE


def half_at(descriptor: int) -> LivePhotoHalf | None:
    """Which half of a Live Photo an open file may be; None for other formats. Raises OSError."""
    return half_of(partial(os.pread, descriptor), os.fstat(descriptor).st_size)


def half_of(read: Read, size: int) -> LivePhotoHalf | None:
    """The same for a file of `size` bytes, read by `read(length, at)` as os.pread does.

    Reads within limits and raises only what `read` raises, for any content.
    """
    found = sniff(read(HEAD_BYTES, 0))
    reader = BoxReader(read, size, max_bytes=MAX_BYTES, max_reads=MAX_READS)
    match found.name if found else None:
        case "jpeg":
            return LivePhotoHalf(MediaKind.IMAGE, normalize(identifier_in(jpeg_exif(reader))), True)
        case "heif":
            return LivePhotoHalf(MediaKind.IMAGE, normalize(identifier_in(heif_exif(reader, size))), True)
        case "mov" | "mp4":
            return video_half(reader, size, is_quicktime=found is not None and found.name == "mov")
        case _:
            return None


def normalize(written: bytes | None) -> str | None:
    """An identifier in the form used for comparison; None if it is not valid."""
    text = (written or b"").strip(b"\0 ").decode("ascii", "replace").upper()
    return text if IDENTIFIER.fullmatch(text) else None


def jpeg_exif(read: Read) -> bytes:
    """From the first EXIF segment before the picture data."""
    at = 2
    while True:
        head = read(10, at)
        length = uint(head, 2, 2)
        if len(head) < 10 or head[0] != 0xFF or head[1] in (0xD9, 0xDA) or length < 2:
            return b""
        if head[1] == 0xE1 and head[4:10] == b"Exif\0\0":
            return read(length - 8, at + 10)
        at += 2 + length


def heif_exif(read: Read, size: int) -> bytes:
    """From the item of type Exif (ISO/IEC 23008-12, annex A): four bytes (how many to skip), then EXIF."""
    meta = child(read, Box(b"", 0, size), b"meta")
    if meta is None:
        return b""
    inner = meta._replace(start=meta.start + 4)  # a version and flags
    names, places = child(read, inner, b"iinf"), child(read, inner, b"iloc")
    if names is None or places is None:
        return b""
    item = exif_item(read_content(read, names, MAX_LIST_BYTES))
    place = None if item is None else item_place(read_content(read, places, MAX_LIST_BYTES), item)
    if place is None:
        return b""
    start, length, in_meta = place
    if in_meta:
        data = child(read, inner, b"idat")
        if data is None:
            return b""
        start += data.start
    content = read(length, start)
    return content[4 + uint(content, 0, 4) :]


def exif_item(iinf: bytes) -> int | None:
    """The ID of the Exif item, from the entries of `iinf`."""
    read = reader_of(iinf)
    for box in boxes(read, 6 if iinf[:1] == b"\0" else 8, len(iinf)):
        width = 2 if uint(iinf, box.start, 1) < 3 else 4  # bytes of an item ID
        kind = box.start + 4 + width + 2
        if box.name == b"infe" and iinf[kind : kind + 4] == b"Exif":
            return uint(iinf, box.start + 4, width)
    return None


def item_place(iloc: bytes, item: int) -> tuple[int, int, bool] | None:
    """Start, length, and whether the start is relative to `idat`; only for an item with one extent in this file."""
    version = uint(iloc, 0, 1)
    offset, length, base, index = (nibble for byte in iloc[4:6] for nibble in (byte >> 4, byte & 15))
    index = index if version > 0 else 0
    width = 2 if version < 2 else 4
    at = 6 + width
    for _ in range(uint(iloc, 6, width)):
        if at >= len(iloc):
            break
        found, at = uint(iloc, at, width), at + width
        method, at = (uint(iloc, at, 2) & 15, at + 2) if version > 0 else (0, at)
        data_reference, at = uint(iloc, at, 2), at + 2
        start, at = uint(iloc, at, base), at + base
        extents, at = uint(iloc, at, 2), at + 2
        if found == item:
            start += uint(iloc, at + index, offset)
            size = uint(iloc, at + index + offset, length)
            return (start, size, method == 1) if extents == 1 and method < 2 and not data_reference else None
        at += extents * (index + offset + length)
    return None


def video_half(read: Read, size: int, *, is_quicktime: bool) -> LivePhotoHalf:
    moov = child(read, Box(b"", 0, size), b"moov")
    parts = {box.name: box for box in boxes(read, moov.start, moov.end)} if moov else {}
    seconds = movie_seconds(read_content(read, parts[b"mvhd"], MAX_LIST_BYTES)) if b"mvhd" in parts else 0.0
    values_by_key: dict[bytes, bytes] = {}
    for meta in (parts.get(b"meta"), child(read, parts[b"udta"], b"meta") if b"udta" in parts else None):
        values_by_key.update(metadata(read_content(read, meta, MAX_LIST_BYTES)) if meta else ())
    identifier = normalize(values_by_key.get(KEY))
    is_apple = KEY not in values_by_key and any(name.startswith(APPLE_KEYS) for name in values_by_key)
    by_name = is_quicktime and 0 < seconds <= MAX_SECONDS and not is_apple
    return LivePhotoHalf(MediaKind.VIDEO, identifier, by_name)


def movie_seconds(mvhd: bytes) -> float:
    """The duration in the movie header; 0 if it is not stated."""
    at, width = (12, 4) if mvhd[:1] == b"\0" else (20, 8)
    scale = uint(mvhd, at, 4)
    return uint(mvhd, at + 4, width) / scale if scale else 0.0


def metadata(meta: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Names and values of QuickTime's metadata: `keys` lists the names, `ilst` has the values by index.

    In QuickTime files the boxes begin at once, in MP4 files after a version and flags.
    """
    read = reader_of(meta)
    start = 0 if meta[4:8] == b"hdlr" else 4
    parts = {box.name: box for box in boxes(read, start, len(meta))}
    if b"keys" not in parts or b"ilst" not in parts:
        return
    keys, values = parts[b"keys"], parts[b"ilst"]
    # An entry of `keys` has the layout of a box: its size, its namespace ("mdta"), the name.
    names = [meta[box.start : box.end] for box in boxes(read, keys.start + 8, keys.end)]
    for value in boxes(read, values.start, values.end):
        place, data = uint(value.name, 0, 4) - 1, child(read, value, b"data")
        if data is not None and 0 <= place < len(names):
            yield names[place], meta[data.start + 8 : data.end]  # after a type and a language
