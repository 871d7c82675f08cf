"""PNG chunk by chunk: depths and chunks that Pillow does not write."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

SIGNATURE = b"\x89PNG\r\n\x1a\n"
#: Channels to PNG's colour type.
TYPES = {1: 0, 3: 2, 2: 4, 4: 6}
#: Adam7: where each pass begins (x, y) and how far apart its pixels are.
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def chunk(name: bytes, content: bytes, *, crc: int | None = None) -> bytes:
    crc = zlib.crc32(name + content) if crc is None else crc
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", crc)


def write_png(path: Path, values: np.ndarray, *, interlaced: bool = False, extra: Iterable[bytes] = ()) -> Path:
    """`values`: (height, width, channels) of uint8 or uint16; `extra`: chunks between the header and the pixels."""
    height, width, channels = values.shape
    depth = 8 * values.dtype.itemsize
    header = struct.pack(">IIBBBBB", width, height, depth, TYPES[channels], 0, 0, int(interlaced))
    rows = b"".join(map(scanlines, passes(values))) if interlaced else scanlines(values)
    chunks = [chunk(b"IHDR", header), *extra, chunk(b"IDAT", zlib.compress(rows, 1)), chunk(b"IEND", b"")]
    path.write_bytes(SIGNATURE + b"".join(chunks))
    return path


def scanlines(values: np.ndarray) -> bytes:
    big = values.astype(values.dtype.newbyteorder(">"), copy=False)
    rows = np.ascontiguousarray(big).view(np.uint8).reshape(len(values), -1)
    return np.hstack([np.zeros((len(values), 1), np.uint8), rows]).tobytes()


def passes(values: np.ndarray) -> Sequence[np.ndarray]:
    found = [values[y::down, x::across] for x, y, across, down in PASSES]
    return [each for each in found if each.size]


def add_chunks(path: Path, chunks: Sequence[bytes]) -> Path:
    """Put chunks in front of the pixels of a finished file."""
    content = path.read_bytes()
    at = content.index(b"IDAT") - 4
    path.write_bytes(content[:at] + b"".join(chunks) + content[at:])
    return path
