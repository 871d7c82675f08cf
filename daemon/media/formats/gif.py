"""GIF, with the delay of each frame. Source: GIF89a, 1990."""

from __future__ import annotations

from typing import BinaryIO

from daemon.media.clip import DecodePlan
from daemon.media.picture.stored_picture import StoredPicture, open_picture

#: Bytes of the header and the logical screen descriptor.
HEADER_BYTES = 13
EXTENSION, FRAME, GRAPHIC_CONTROL = 0x21, 0x2C, 0xF9
#: Further frames are ignored.
MAX_FRAMES = 100_000


def load(file: BinaryIO, plan: DecodePlan) -> StoredPicture:
    """Only the first frame is decoded yet."""
    frames = delays(file.read())
    picture = open_picture(file, "GIF")
    picture.load()
    return StoredPicture(picture=picture, size=picture.size, delays=frames)


def delays(content: bytes) -> list[float]:
    """The stated delay of each frame in seconds, as far as the file goes."""
    found: list[float] = []
    at, stated = HEADER_BYTES + palette_bytes(content[10:11]), 0.0
    while at + 2 < len(content) and len(found) < MAX_FRAMES:
        if content[at] == EXTENSION:
            if content[at + 1] == GRAPHIC_CONTROL:
                stated = int.from_bytes(content[at + 4 : at + 6], "little") / 100
            at = end_of_data(content, at + 2)
        elif content[at] == FRAME:
            found.append(stated)
            stated = 0.0
            at = end_of_data(content, at + 11 + palette_bytes(content[at + 9 : at + 10]))
        else:
            at += 1
            if content[at - 1] == 0x3B:
                break
    return found


def palette_bytes(flags: bytes) -> int:
    """Size of the colour table that follows, three bytes per colour; 0 without one."""
    return 3 << ((flags[0] & 7) + 1) if flags and flags[0] & 0x80 else 0


def end_of_data(content: bytes, at: int) -> int:
    """The offset after a chain of length-prefixed blocks, which ends with one of length 0."""
    while at < len(content) and content[at]:
        at += content[at] + 1
    return at + 1
