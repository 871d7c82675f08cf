"""Live Photos as files: a picture and a short video with one identifier, as from an iPhone."""

from __future__ import annotations

import struct
from pathlib import Path

from PIL import Image

from tests.support.media.media_files import save_video, some_frames, some_image

IDENTIFIER = "9D6B3F2E-57C1-4A11-8C2D-112233445566"
KEY = "com.apple.quicktime.content.identifier"


def apple_note(identifier: str, order: str = ">") -> bytes:
    """Apple's maker note with two entries: a version, and the identifier, stored after the directory."""
    text = identifier.encode() + b"\0"
    head = b"Apple iOS\0\0\x01" + {">": b"MM", "<": b"II"}[order]
    entries = [(0x0001, 9, 1, 14), (0x0011, 2, len(text), len(head) + 2 + 2 * 12 + 4)]
    packed = struct.pack(f"{order}H", len(entries)) + b"".join(struct.pack(f"{order}HHII", *one) for one in entries)
    return head + packed + bytes(4) + text


def exif(identifier: str | None = IDENTIFIER, order: str = ">") -> bytes:
    """An EXIF block with that note, as in JPEG and HEIC; without an identifier, only with a make."""
    note = apple_note(identifier, order) if identifier else b"another maker"
    mark = {">": b"MM\0*", "<": b"II*\0"}[order]
    main_at, inner_at = 8, 8 + 2 + 2 * 12 + 4
    note_at = inner_at + 2 + 12 + 4
    make_at = note_at + len(note)
    lists = struct.pack(f"{order}HHHIIHHIII", 2, 0x010F, 2, 6, make_at, 0x8769, 4, 1, inner_at, 0)
    inner = struct.pack(f"{order}HHHIII", 1, 0x927C, 7, len(note), note_at, 0)
    return b"Exif\0\0" + mark + struct.pack(f"{order}I", main_at) + lists + inner + note + b"Apple\0"


def save_still(path: Path, identifier: str | None = IDENTIFIER, *, seed: int = 0, order: str = ">") -> Path:
    """A JPEG or HEIC picture, by the suffix."""
    format = "HEIF" if path.suffix.lower() in (".heic", ".heif") else "JPEG"
    picture: Image.Image = some_image(seed, (160, 120))
    picture.save(path, format, exif=exif(identifier, order))
    return path


def save_moving(
    path: Path, identifier: str | None = IDENTIFIER, *, seed: int = 0, seconds: float = 2.0, words: dict[str, str] = {}
) -> Path:
    """The film, in QuickTime's container or, by the suffix, in another. `words`: other metadata."""
    known = {**words, **({KEY: identifier} if identifier else {})}
    frames = some_frames(round(8 * seconds), seed, (160, 120))
    return save_video(path, frames, metadata=known, options={"movflags": "use_metadata_tags"} if known else {})
