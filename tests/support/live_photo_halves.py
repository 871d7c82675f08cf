"""The halves of Live Photos as bytes that are just enough to be recognised; no codec can decode them."""

from __future__ import annotations

import struct

from tests.support.media.live_photos import IDENTIFIER, KEY, exif

OTHER = "11111111-2222-3333-4444-ABCDEFABCDEF"


def picture_half(identifier: str | None = IDENTIFIER, rest: bytes = b"") -> bytes:
    """A JPEG with only its EXIF; `rest` makes its content different."""
    block = exif(identifier)
    return b"\xff\xd8\xff\xe1" + struct.pack(">H", 2 + len(block)) + block + b"\xff\xda" + rest


def video_half(identifier: str | None = IDENTIFIER, rest: bytes = b"", *, seconds: float = 2.0) -> bytes:
    """A QuickTime file without a track; `rest` makes its content different."""
    values = metadata({KEY: identifier.encode()}) if identifier else b""
    return video_file(values, seconds=seconds, rest=rest)


def video_file(*in_moov: bytes, seconds: float = 2.0, rest: bytes = b"") -> bytes:
    mvhd = box(b"mvhd", struct.pack(">IIIII", 0, 0, 0, 600, round(600 * seconds)), bytes(80))
    return box(b"ftyp", b"qt  \0\0\0\0qt  ") + box(b"mdat", bytes(100), rest) + box(b"moov", mvhd, *in_moov)


def metadata(values: dict[str, bytes], version: bytes = b"") -> bytes:
    """QuickTime's `meta` box; with a `version` of four bytes, as in MP4 files."""
    keys = [struct.pack(">I", 8 + len(name)) + b"mdta" + name.encode() for name in values]
    items = [box(struct.pack(">I", at), box(b"data", bytes(8), text)) for at, text in enumerate(values.values(), 1)]
    return box(
        b"meta",
        version,
        box(b"hdlr", bytes(8), b"mdta", bytes(12)),
        box(b"keys", struct.pack(">II", 0, len(items)), *keys),
        box(b"ilst", *items),
    )


def box(name: bytes, *content: bytes) -> bytes:
    whole = b"".join(content)
    return struct.pack(">I", 8 + len(whole)) + name + whole
