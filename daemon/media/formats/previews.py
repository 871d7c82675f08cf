"""Finds JPEG pictures embedded in another file. Pure. Source: ITU-T T.81, annex B."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

START, SCAN, END = b"\xff\xd8\xff", 0xDA, b"\xff\xd9"
#: Frame types that every decoder supports: baseline, extended and progressive. Sensor data is lossless (0xC3).
FRAMES = frozenset({0xC0, 0xC1, 0xC2})
OTHER_FRAMES = frozenset(range(0xC3, 0xD0)) - {0xC4, 0xC8, 0xCC}
#: Further start markers are ignored, as are headers with more segments.
MAX_STARTS, MAX_SEGMENTS = 10_000, 1_000


@dataclass(frozen=True)
class Preview:
    """Start and end offset of a complete JPEG picture, and its width and height."""

    start: int
    end: int
    size: tuple[int, int]


def previews(content: bytes) -> Iterator[Preview]:
    """Every complete colour or grey picture, in file order; pictures nested in another are skipped."""
    at = content.find(START)
    for _ in range(MAX_STARTS):
        if at < 0:
            return
        found = preview_at(content, at)
        if found is not None:
            yield found
        at = content.find(START, at + 3 if found is None else found.end)


def preview_at(content: bytes, start: int) -> Preview | None:
    """From the markers up to the first scan; entropy-coded data cannot contain the end marker."""
    at, size = start + 2, None
    for _ in range(MAX_SEGMENTS):
        marker, length = content[at : at + 2], int.from_bytes(content[at + 2 : at + 4], "big")
        if len(marker) < 2 or marker[0] != 0xFF or length < 2 or marker[1] in OTHER_FRAMES:
            return None
        if marker[1] in FRAMES:
            depth, colours = content[at + 4 : at + 5], content[at + 9 : at + 10]
            if depth != b"\x08" or colours not in (b"\x01", b"\x03"):
                return None
            size = int.from_bytes(content[at + 7 : at + 9], "big"), int.from_bytes(content[at + 5 : at + 7], "big")
        if marker[1] == SCAN:
            end = content.find(END, at + 2 + length)
            return Preview(start, end + 2, size) if end >= 0 and size is not None and all(size) else None
        at += 2 + length
    return None
