"""Edit lists and display matrices, written into a finished MP4 or MOV file."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

#: One edit: how long it lasts, and where in the track it begins. No beginning: nothing is shown meanwhile.
Edit = tuple[float, float | None]


def edit_video(path: Path, edits: Sequence[Edit]) -> Path:
    """Have the file's only track shown by `edits` (seconds). The file's table of contents must stand at its end.

    A beginning counts from the first frame, wherever in the track the file's own edit has it begin.
    """
    content = path.read_bytes()
    start, moov = box(content, b"moov")
    assert start + len(moov) == len(content), "what lies behind the table of contents would move"
    _, mvhd = box(moov, b"mvhd", 8)
    _, trak = box(moov, b"trak", 8)
    _, mdia = box(trak, b"mdia", 8)
    _, mdhd = box(mdia, b"mdhd", 8)
    movie_scale, track_scale = (int.from_bytes(header[20:24], "big") for header in (mvhd, mdhd))
    zero = first_edit(trak)
    entries = b"".join(
        struct.pack(
            ">IiI",
            round(seconds * movie_scale),
            -1 if begins is None else zero + round(begins * track_scale),
            1 << 16,  # at its own speed
        )
        for seconds, begins in edits
    )
    elst = made(b"elst", struct.pack(">II", 0, len(edits)) + entries)
    whole = without(trak, b"edts")
    head = whole.index(b"mdia") - 4
    whole = whole[8:head] + made(b"edts", elst) + whole[head:]
    contents = moov[8:].replace(trak, made(b"trak", whole))
    length = round(sum(seconds for seconds, _ in edits) * movie_scale).to_bytes(4, "big")
    contents = contents.replace(mvhd, mvhd[:24] + length + mvhd[28:])
    path.write_bytes(content[:start] + made(b"moov", contents))
    return path


def orient_video(path: Path, a: int, b: int, c: int, d: int) -> Path:
    """Set the matrix that displays the decoded (x, y) at (ax + cy, bx + dy) plus an offset; each is -1, 0 or 1."""
    content = bytearray(path.read_bytes())
    one = 1 << 16
    matrix = (a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30)
    # Version 0: type, version and flags, then five words, two reserved words, and four short numbers.
    at = content.index(b"tkhd") + 4 + 4 + 20 + 8 + 8
    content[at : at + 36] = b"".join(word.to_bytes(4, "big", signed=True) for word in matrix)
    path.write_bytes(content)
    return path


def first_edit(trak: bytes) -> int:
    """Where in the track the video begins: after the frames that only reordering needs."""
    try:
        _, edts = box(trak, b"edts", 8)
    except LookupError:
        return 0
    _, elst = box(edts, b"elst", 8)
    wide = elst[8] == 1
    return int.from_bytes(elst[24:32] if wide else elst[20:24], "big")


def box(content: bytes, name: bytes, at: int = 0) -> tuple[int, bytes]:
    """Offset and bytes of the first box of that name among the siblings that start at `at`."""
    while at < len(content):
        size = int.from_bytes(content[at : at + 4], "big")
        if content[at + 4 : at + 8] == name:
            return at, content[at : at + size]
        at += size
    raise LookupError(name)


def made(name: bytes, content: bytes) -> bytes:
    return (len(content) + 8).to_bytes(4, "big") + name + content


def without(content: bytes, name: bytes) -> bytes:
    try:
        at, found = box(content, name, 8)
    except LookupError:
        return content
    return content[:at] + content[at + len(found) :]
