"""Changes to finished MP4, MOV and HEIC files, box by box (ISO/IEC 14496-12), that no encoder here can write."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

Change = Callable[[bytes], bytes | None]

TURNS = {
    "upright": (1, 0, 0, 1),
    "mirrored": (-1, 0, 0, 1),
    "half a turn": (-1, 0, 0, -1),
    "upside down and mirrored": (1, 0, 0, -1),
    "transposed": (0, 1, 1, 0),
    "a quarter clockwise": (0, 1, -1, 0),
    "transversed": (0, -1, -1, 0),
    "a quarter counter-clockwise": (0, -1, 1, 0),
}
FILM = ("moov", "trak")  # the first track


def box(name: str, content: bytes) -> bytes:
    return struct.pack(">I", len(content) + 8) + name.encode("latin-1") + content


def boxes(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Name and content of each sibling box."""
    at = 0
    while at + 8 <= len(content):
        size, name = struct.unpack_from(">I4s", content, at)
        start = at + 8
        if size == 1:
            size, start = struct.unpack_from(">Q", content, start)[0], start + 8
        end = at + size if size else len(content)
        yield name.decode("latin-1"), content[start:end]
        at = end


def changed(content: bytes, way: Sequence[str], change: Change) -> bytes:
    """The same boxes; the content of the first one along `way` becomes what `change` makes of it (None: left out)."""
    made, done = [], False
    for name, inside in boxes(content):
        if name == way[0] and not done:
            done = True
            new = change(inside) if len(way) == 1 else changed(inside, way[1:], change)
            if new is None:
                continue
            inside = new
        made.append(box(name, inside))
    assert done, f"no {way[0]} box"
    return b"".join(made)


def found(content: bytes, way: Sequence[str]) -> bytes:
    for name in way:
        content = next(inside for each, inside in boxes(content) if each == name)
    return content


def set_matrix(path: Path, a: int, b: int, c: int, d: int) -> Path:
    """The display matrix of the first track: (x, y) is shown at (a·x + c·y, b·x + d·y)."""
    one = 1 << 16
    matrix = struct.pack(">9i", a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30)
    path.write_bytes(changed(path.read_bytes(), [*FILM, "tkhd"], lambda head: head[:40] + matrix + head[76:]))
    return path


def set_edits(path: Path, edits: Sequence[tuple[float, float | None]]) -> Path:
    """The first track's edit list: (seconds shown, second of the media where they begin; None: nothing is shown).

    For files whose `moov` comes last, as encoders write it: what lies before it stays where it is.
    """
    content = path.read_bytes()
    movie = scale_of(found(content, ["moov", "mvhd"]))
    media = scale_of(found(content, [*FILM, "mdia", "mdhd"]))
    rows = [
        (round(seconds * movie), -1 if start is None else round(start * media), 1 << 16) for seconds, start in edits
    ]
    whole = sum(row[0] for row in rows)
    elst = struct.pack(">II", 0, len(rows)) + b"".join(struct.pack(">Iii", *row) for row in rows)
    edts = box("edts", box("elst", elst))

    def track(inside: bytes) -> bytes:
        kept = [(name, part) for name, part in boxes(inside) if name != "edts"]
        parts = [box(name, lasting(part, whole, 20) if name == "tkhd" else part) for name, part in kept]
        return b"".join([parts[0], edts, *parts[1:]])

    content = changed(content, FILM, track)
    path.write_bytes(changed(content, ["moov", "mvhd"], lambda head: lasting(head, whole, 16)))
    return path


def scale_of(head: bytes) -> int:
    """Ticks a second of a `mvhd` or `mdhd` box (version 0)."""
    assert head[0] == 0
    return int(struct.unpack_from(">I", head, 12)[0])


def lasting(head: bytes, ticks: int, at: int) -> bytes:
    return head[:at] + struct.pack(">I", ticks) + head[at + 4 :]


def put_in_front(path: Path, front: bytes) -> Path:
    """Insert boxes before all others; chunk offsets are corrected."""
    content = path.read_bytes()
    path.write_bytes(front + moved(content, len(front)))
    return path


def moved(content: bytes, by: int) -> bytes:
    """As `content`, with every track's chunks `by` bytes later (stco alone, which is what small files have)."""
    found_at = 0
    made = bytearray(content)
    while (at := content.find(b"stco", found_at)) >= 0:
        (count,) = struct.unpack_from(">I", content, at + 8)
        for place in range(at + 12, at + 12 + 4 * count, 4):
            struct.pack_into(">I", made, place, struct.unpack_from(">I", content, place)[0] + by)
        found_at = at + 4
    return bytes(made)


def add_brands(path: Path, brands: Sequence[str]) -> Path:
    """Insert compatible brands before those of a HEIC or AVIF file; item offsets are corrected."""
    content, more = path.read_bytes(), "".join(brands).encode()
    content = changed(content, ["ftyp"], lambda ftyp: ftyp[:8] + more + ftyp[8:])

    def items(meta: bytes) -> bytes:
        return meta[:4] + changed(meta[4:], ["iloc"], lambda iloc: items_moved(iloc, len(more)))

    path.write_bytes(changed(content, ["meta"], items))
    return path


def items_moved(iloc: bytes, by: int) -> bytes:
    """As `iloc` (version 0 or 1, 32 bits an offset and a length), with what lies in the file `by` bytes later."""
    version, sizes, base_size = iloc[0], iloc[4], iloc[5] >> 4
    assert version < 2 and sizes == 0x44 and base_size in (0, 4)
    made, at = bytearray(iloc), 8
    for _ in range(int.from_bytes(iloc[6:8], "big")):
        in_the_file = version == 0 or iloc[at + 3] & 15 == 0
        at += (4 if version == 0 else 6) + base_size
        for _ in range(int.from_bytes(iloc[at : at + 2], "big")):
            (place,) = struct.unpack_from(">I", iloc, at + 2)
            struct.pack_into(">I", made, at + 2, place + by * in_the_file)
            at += 8
        at += 2
    return bytes(made)
