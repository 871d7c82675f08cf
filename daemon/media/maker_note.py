"""The ContentIdentifier in a picture's EXIF: tag 0x0011 of Apple's maker note (the name is exiftool's). Pure.

An EXIF block is a TIFF file: a byte order, then directories (IFDs) with entries of twelve bytes. The maker note
contains such a directory too; its offsets count from the start of the note.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

EXIF_IFD = 0x8769
MAKER_NOTE = 0x927C
CONTENT_IDENTIFIER = 0x0011
APPLE = b"Apple iOS\0"
#: In the note: Apple's name, a version, the byte order, then the directory.
ORDER_AT, LIST_AT = 12, 14
ENTRY_BYTES = 12

Order = Literal["big", "little"]
ORDERS: dict[bytes, Order] = {b"MM": "big", b"II": "little"}


class Entry(NamedTuple):
    """An entry with `number` values: inside the entry at `place`, or at offset `value` if they do not fit."""

    number: int
    place: int
    value: int


def identifier_in(exif: bytes) -> bytes | None:
    """The identifier in an EXIF block that begins with its byte order; None without one."""
    order = ORDERS.get(exif[:2])
    if order is None:
        return None
    exif_ifd = entry(exif, order, int.from_bytes(exif[4:8], order), EXIF_IFD)
    note = entry(exif, order, exif_ifd.value, MAKER_NOTE) if exif_ifd else None
    return identifier_in_note(exif[note.value : note.value + note.number]) if note else None


def identifier_in_note(note: bytes) -> bytes | None:
    order = ORDERS.get(note[ORDER_AT:LIST_AT])
    if order is None or not note.startswith(APPLE):
        return None
    found = entry(note, order, LIST_AT, CONTENT_IDENTIFIER)
    if found is None:
        return None
    start = found.place if found.number <= 4 else found.value
    return note[start : start + found.number]


def entry(content: bytes, order: Order, at: int, tag: int) -> Entry | None:
    """The entry of that tag in the directory at offset `at`."""
    count = int.from_bytes(content[at : at + 2], order)
    for place in range(at + 2, min(at + 2 + count * ENTRY_BYTES, len(content) - ENTRY_BYTES + 1), ENTRY_BYTES):
        if int.from_bytes(content[place : place + 2], order) == tag:
            values, value = (int.from_bytes(content[start : start + 4], order) for start in (place + 4, place + 8))
            return Entry(values, place + 8, value)
    return None
