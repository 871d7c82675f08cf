"""WebP, with its size and the delay of each frame. Source: RFC 9649."""

from __future__ import annotations

from typing import BinaryIO

from PIL import WebPImagePlugin

from daemon.media.clip import DecodePlan
from daemon.media.formats.chunks import riff_chunks
from daemon.media.picture.orientation import transpose_of
from daemon.media.picture.stored_picture import StoredPicture, check_pixels, open_picture

#: Further frames are ignored.
MAX_FRAMES = 100_000


def load(file: BinaryIO, plan: DecodePlan) -> StoredPicture:
    """Only the first frame is decoded yet."""
    check_pixels(*size_of(file) or (0, 0))
    frames = delays(file)
    picture = open_picture(file, "WEBP")
    if len(frames) > 1 and isinstance(picture, WebPImagePlugin.WebPImageFile):
        # If no frame has alpha, Pillow uses an opaque canvas; but areas that no frame covers are transparent.
        picture.rawmode = picture._mode = "RGBA"
    picture.load()
    frames = frames[: getattr(picture, "n_frames", 1)]
    return StoredPicture(picture=picture, size=picture.size, transpose=transpose_of(picture), delays=frames)


def size_of(file: BinaryIO) -> tuple[int, int] | None:
    """Width and height, read before memory is allocated; None if not found."""
    first = next(iter(riff_chunks(file)), None)
    if first is None:
        return None
    file.seek(first.start)
    head = file.read(10)
    if len(head) < 10:
        return None
    if first.name == b"VP8X":
        return little(head[4:7]) + 1, little(head[7:10]) + 1
    if first.name == b"VP8L" and head[0] == 0x2F:
        bits = little(head[1:5])
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if first.name == b"VP8 " and head[3:6] == b"\x9d\x01\x2a":
        return little(head[6:8]) & 0x3FFF, little(head[8:10]) & 0x3FFF
    return None


def delays(file: BinaryIO) -> list[float]:
    """The stated delay of each frame in seconds."""
    found: list[float] = []
    for chunk in riff_chunks(file):
        if chunk.name == b"ANMF" and len(found) < MAX_FRAMES:
            file.seek(chunk.start + 12)
            found.append(little(file.read(3)) / 1000)
    return found


def little(content: bytes) -> int:
    return int.from_bytes(content, "little")
