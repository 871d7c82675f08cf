"""The two halves of a Live Photo: a picture and a short film of the same moment, in two files. No codec is needed.

Apple writes one identifier into both: into the picture's EXIF (JPEG: segment APP1; HEIC: the item of type Exif), and
into the film as the key com.apple.quicktime.content.identifier (QuickTime's metadata: boxes keys and ilst).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from daemon.media.isobmff import Box, BoxReader, boxes, child, content_of, number, within
from daemon.media.maker_note import identifier_in
from daemon.media.sniff import HEAD_BYTES, sniff
from storage.records import MediaKind

Read = Callable[[int, int], bytes]

#: Far more than real files take (about 60 KB in 20 reads), and little enough for a hostile one.
MOST_BYTES = 400_000
MOST_READS = 300
MOST_LIST_BYTES = 65_536

KEY = b"com.apple.quicktime.content.identifier"
APPLE_KEYS = b"com.apple.quicktime."
#: The UUIDs that Apple writes, and what other programs may put in their place; not just zeros.
IDENTIFIER = re.compile(r"(?=.*[1-9A-Z])[!-~]{4,100}")

#: Live Photos last three seconds at most; without an identifier, a longer film is one of its own.
LONGEST_SECONDS = 4.0


@dataclass(frozen=True)
class LivePhotoHalf:
    """A file that may be half of a Live Photo. `identifier` is None where it carries none.

    `pairs_by_name`: without an identifier, the same name makes it half of one. A film must be short for that, and not
    be Apple's: Apple's own films carry an identifier when they belong to a picture.
    """

    kind: MediaKind
    identifier: str | None
    pairs_by_name: bool

    @property
    def is_picture(self) -> bool:
        return self.kind is MediaKind.IMAGE


def half_at(descriptor: int) -> LivePhotoHalf | None:
    """What of a Live Photo an open file may be; None for other formats. Raises OSError."""
    return half_of(partial(os.pread, descriptor), os.fstat(descriptor).st_size)


def half_of(read: Read, size: int) -> LivePhotoHalf | None:
    """The same of a file of `size` bytes that `read(length, at)` reads, as os.pread does.

    Raises only what `read` raises, whatever the bytes are; they are read within bounds.
    """
    found = sniff(read(HEAD_BYTES, 0))
    reader = BoxReader(read, size, most_bytes=MOST_BYTES, most_reads=MOST_READS)
    match found.name if found else None:
        case "jpeg":
            return LivePhotoHalf(MediaKind.IMAGE, clean(identifier_in(exif_of_jpeg(reader))), True)
        case "heif":
            return LivePhotoHalf(MediaKind.IMAGE, clean(identifier_in(exif_of_heif(reader, size))), True)
        case "mov" | "mp4":
            return film_half(reader, size, is_quicktime=found is not None and found.name == "mov")
        case _:
            return None


def clean(written: bytes | None) -> str | None:
    """An identifier as it is compared; None for what is none."""
    text = (written or b"").strip(b"\0 ").decode("ascii", "replace").upper()
    return text if IDENTIFIER.fullmatch(text) else None


def exif_of_jpeg(read: Read) -> bytes:
    """From the first segment that holds EXIF, of those before the picture's own data."""
    at = 2
    while True:
        head = read(10, at)
        length = number(head, 2, 2)
        if len(head) < 10 or head[0] != 0xFF or head[1] in (0xD9, 0xDA) or length < 2:
            return b""
        if head[1] == 0xE1 and head[4:10] == b"Exif\0\0":
            return read(length - 8, at + 10)
        at += 2 + length


def exif_of_heif(read: Read, size: int) -> bytes:
    """From the item of type Exif (ISO/IEC 23008-12, annex A): four bytes that say how much to skip, then EXIF."""
    meta = child(read, Box(b"", 0, size), b"meta")
    if meta is None:
        return b""
    inner = meta._replace(start=meta.start + 4)  # a version and flags
    names, places = child(read, inner, b"iinf"), child(read, inner, b"iloc")
    if names is None or places is None:
        return b""
    item = exif_item(content_of(read, names, MOST_LIST_BYTES))
    place = None if item is None else item_place(content_of(read, places, MOST_LIST_BYTES), item)
    if place is None:
        return b""
    start, length, in_meta = place
    if in_meta:
        data = child(read, inner, b"idat")
        if data is None:
            return b""
        start += data.start
    content = read(length, start)
    return content[4 + number(content, 0, 4) :]


def exif_item(iinf: bytes) -> int | None:
    """The number of the Exif item, by the entries of `iinf`."""
    read = within(iinf)
    for box in boxes(read, 6 if iinf[:1] == b"\0" else 8, len(iinf)):
        wide = 2 if number(iinf, box.start, 1) < 3 else 4  # an item's number
        kind = box.start + 4 + wide + 2
        if box.name == b"infe" and iinf[kind : kind + 4] == b"Exif":
            return number(iinf, box.start + 4, wide)
    return None


def item_place(iloc: bytes, item: int) -> tuple[int, int, bool] | None:
    """Start, length, and whether the start counts within `idat`: of an item in one piece in this very file."""
    version = number(iloc, 0, 1)
    offset, length, base, index = (nibble for byte in iloc[4:6] for nibble in (byte >> 4, byte & 15))
    index = index if version > 0 else 0
    wide = 2 if version < 2 else 4
    at = 6 + wide
    for _ in range(number(iloc, 6, wide)):
        if at >= len(iloc):
            break
        found, at = number(iloc, at, wide), at + wide
        method, at = (number(iloc, at, 2) & 15, at + 2) if version > 0 else (0, at)
        elsewhere, at = number(iloc, at, 2), at + 2
        start, at = number(iloc, at, base), at + base
        pieces, at = number(iloc, at, 2), at + 2
        if found == item:
            start += number(iloc, at + index, offset)
            size = number(iloc, at + index + offset, length)
            return (start, size, method == 1) if pieces == 1 and method < 2 and not elsewhere else None
        at += pieces * (index + offset + length)
    return None


def film_half(read: Read, size: int, *, is_quicktime: bool) -> LivePhotoHalf:
    moov = child(read, Box(b"", 0, size), b"moov")
    parts = {box.name: box for box in boxes(read, moov.start, moov.end)} if moov else {}
    seconds = seconds_of(content_of(read, parts[b"mvhd"], MOST_LIST_BYTES)) if b"mvhd" in parts else 0.0
    words: dict[bytes, bytes] = {}
    for meta in (parts.get(b"meta"), child(read, parts[b"udta"], b"meta") if b"udta" in parts else None):
        words.update(metadata(content_of(read, meta, MOST_LIST_BYTES)) if meta else ())
    identifier = clean(words.get(KEY))
    is_apples = KEY not in words and any(name.startswith(APPLE_KEYS) for name in words)
    by_name = is_quicktime and 0 < seconds <= LONGEST_SECONDS and not is_apples
    return LivePhotoHalf(MediaKind.VIDEO, identifier, by_name)


def seconds_of(mvhd: bytes) -> float:
    """How long a film lasts; 0 where it does not say so."""
    at, wide = (12, 4) if mvhd[:1] == b"\0" else (20, 8)
    scale = number(mvhd, at, 4)
    return number(mvhd, at + 4, wide) / scale if scale else 0.0


def metadata(meta: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Names and values of QuickTime's metadata: `keys` lists the names, `ilst` has a value by a name's number.

    In QuickTime files the boxes begin at once, in MP4 files behind a version and flags.
    """
    read = within(meta)
    start = 0 if meta[4:8] == b"hdlr" else 4
    parts = {box.name: box for box in boxes(read, start, len(meta))}
    if b"keys" not in parts or b"ilst" not in parts:
        return
    keys, values = parts[b"keys"], parts[b"ilst"]
    # An entry of `keys` is laid out as a box: its size, whose name it is ("mdta"), the name.
    names = [meta[box.start : box.end] for box in boxes(read, keys.start + 8, keys.end)]
    for value in boxes(read, values.start, values.end):
        place, data = number(value.name, 0, 4) - 1, child(read, value, b"data")
        if data is not None and 0 <= place < len(names):
            yield names[place], meta[data.start + 8 : data.end]  # a type and a language stand first
