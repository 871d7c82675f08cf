"""PNG, tolerant of broken ancillary chunks, with the delay of each frame of an animation.

Source: Portable Network Graphics (PNG) Specification (Third Edition), W3C 2025.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

from PIL import PngImagePlugin

from daemon.media.clip import DecodePlan
from daemon.media.formats.chunks import png_chunks
from daemon.media.picture.colour_profiles import Coding
from daemon.media.picture.orientation import transpose_of
from daemon.media.picture.stored_picture import StoredPicture, open_picture

#: The bit in a chunk's first letter that marks it as ancillary: not needed for the picture.
ANCILLARY = 0x20
#: Marked as ancillary, but needed for an animation.
ANIMATION = frozenset({b"acTL", b"fcTL", b"fdAT"})


class TolerantStream(PngImagePlugin.PngStream):
    """Skips ancillary chunks that are broken or too large: texts, profiles, dates."""

    def call(self, cid: bytes, pos: int, length: int) -> bytes:
        try:
            return super().call(cid, pos, length)
        except (ValueError, SyntaxError, LookupError, struct.error):
            if not cid[0] & ANCILLARY or cid in ANIMATION or self.fp is None:
                raise
            self.fp.seek(pos + length)
            return b""

    def crc(self, cid: bytes, data: bytes) -> None:
        if cid[0] & ANCILLARY:
            self.crc_skip(cid, data)
        else:
            super().crc(cid, data)


# Pillow's reader creates one for each file; there is no other hook.
PngImagePlugin.PngStream = TolerantStream  # type: ignore[misc]


def load(file: BinaryIO, plan: DecodePlan) -> StoredPicture:
    """A still picture or an animation, whose default picture is skipped if it is not part of it."""
    coding, frames = coding_and_delays(file)
    picture = open_picture(file, "PNG")
    picture.load()
    hidden = bool(getattr(picture, "default_image", False))
    return StoredPicture(
        picture=picture,
        size=picture.size,
        transpose=transpose_of(picture),
        coding=coding,
        delays=frames[: getattr(picture, "n_frames", 1) - hidden],
        first_frame=int(hidden),
    )


def coding_and_delays(file: BinaryIO) -> tuple[Coding | None, list[float]]:
    """The colour coding in `cICP` (11.3.2.6), and the stated delay of each frame in seconds (11.3.7.2).

    Delays are fractions; a denominator of 0 means 100.
    """
    coding: Coding | None = None
    delays: list[float] = []
    for chunk in png_chunks(file):
        if chunk.name == b"cICP" and chunk.size == 4:
            file.seek(chunk.start)
            coding = Coding(*file.read(2))
        elif chunk.name == b"fcTL":
            file.seek(chunk.start + 20)
            numerator, denominator = struct.unpack(">HH", file.read(4).ljust(4, b"\0"))
            delays.append(numerator / (denominator or 100))
    return coding, delays
