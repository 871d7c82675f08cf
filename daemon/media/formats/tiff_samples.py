"""TIFF pictures for which Pillow has no mode: floats in several channels, 16-bit grey with alpha.

Source: TIFF 6.0, sections 14 and 15; Adobe's Photoshop TIFF Technical Note 3 for fractions stored as differences.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from daemon.media.formats import tiff_directories as tags
from daemon.media.formats.tiff_directories import Directory
from daemon.media.picture.bit_depth import ValueRange, scale_to_8_bits
from daemon.media.picture.stored_picture import check_pixels

#: Supported values of COMPRESSION: none, or zlib.
PLAIN, ZLIB = 1, frozenset({8, 32946})
#: PREDICTOR: plain values, horizontal differences, or horizontal differences of bytes.
VALUES, DIFFERENCES, BYTE_DIFFERENCES = 1, 2, 3
#: Pillow's mode by PHOTOMETRIC and samples per pixel.
MODES = {(0, 1): "L", (1, 1): "L", (1, 2): "LA", (2, 3): "RGB", (2, 4): "RGBA"}
KINDS = {1: "u", 2: "i", 3: "f"}
TOGETHER, IN_PLANES = 1, 2


@dataclass(frozen=True)
class Layout:
    """Layout of the strips or tiles ("pieces"): rows, columns and values per pixel of each."""

    directory: Directory
    rows: int
    columns: int
    values: int
    dtype: np.dtype[Any]
    pieces: tuple[tuple[int, int], ...]

    def places(self) -> Iterator[tuple[int, int, int]]:
        """Plane, top and left of each piece."""
        width, height = self.directory.size
        across, down = -(-width // self.columns), -(-height // self.rows)
        for number in range(len(self.pieces)):
            plane, within = divmod(number, across * down)
            yield plane, within // across * self.rows, within % across * self.columns


def load(file: BinaryIO, directory: Directory) -> Image.Image | None:
    """The picture in eight bits; None if this module does not support it either."""
    layout = layout_of(directory)
    mode = MODES.get((directory.get(tags.PHOTOMETRIC), directory.get(tags.SAMPLES, 1)))
    if layout is None or mode is None:
        return None
    width, height = directory.size
    check_pixels(width, height)
    value_range = ValueRange.of(values for *_, values in read_pieces(file, layout))
    pixels = np.zeros((height, width, len(mode)), np.uint8)
    for plane, top, left, values in read_pieces(file, layout):
        rows, columns = values.shape[:2]
        where = slice(plane, plane + 1) if layout.values < len(mode) else slice(None)
        pixels[top : top + rows, left : left + columns, where] = scale_to_8_bits(values, value_range)
    if directory.get(tags.PHOTOMETRIC) == 0:
        pixels = 255 - pixels
    return Image.fromarray(pixels[..., 0] if mode == "L" else pixels)


def layout_of(directory: Directory) -> Layout | None:
    """None for unsupported value types or compressions."""
    width, height = directory.size
    bits, samples = directory.get(tags.BITS, 1), directory.get(tags.SAMPLES, 1)
    letter = KINDS.get(directory.get(tags.SAMPLE_FORMAT, 1))
    packed, predictor = directory.get(tags.COMPRESSION, PLAIN), directory.get(tags.PREDICTOR, VALUES)
    if letter is None or bits not in (16, 32, 64) or packed not in {PLAIN, *ZLIB}:
        return None
    if not 1 <= predictor <= BYTE_DIFFERENCES or min(width, height) < 1:
        return None
    if tags.TILES in directory.tags:
        rows, columns = directory.get(tags.TILE_HEIGHT), directory.get(tags.TILE_WIDTH)
        offsets, lengths = tags.TILES, tags.TILE_BYTES
    else:
        rows, columns = min(directory.get(tags.STRIP_ROWS, height), height), width
        offsets, lengths = tags.STRIPS, tags.STRIP_BYTES
    pieces = tuple(zip(directory.tags.get(offsets, ()), directory.tags.get(lengths, ()), strict=False))
    if min(rows, columns) < 1 or not pieces:
        return None
    values = 1 if directory.get(tags.PLANES, TOGETHER) == IN_PLANES else samples
    dtype = np.dtype(("<" if directory.order == "little" else ">") + letter + str(bits // 8))
    return Layout(directory, rows, columns, values, dtype, pieces)


def read_pieces(file: BinaryIO, layout: Layout) -> Iterator[tuple[int, int, int, NDArray[Any]]]:
    """Plane, top, left and values (rows, columns, values per pixel) of each piece, cropped to the picture."""
    width, height = layout.directory.size
    for (plane, top, left), (offset, length) in zip(layout.places(), layout.pieces, strict=True):
        rows = layout.rows if tags.TILES in layout.directory.tags else min(layout.rows, height - top)
        if rows <= 0 or offset >= tags.MAX_OFFSET:
            continue
        file.seek(offset)
        values = unpack(file.read(length), rows, layout)
        yield plane, top, left, values[: height - top, : width - left]


def unpack(content: bytes, rows: int, layout: Layout) -> NDArray[Any]:
    """Raises ValueError if there is too little data."""
    size = rows * layout.columns * layout.values * layout.dtype.itemsize
    if layout.directory.get(tags.COMPRESSION, PLAIN) != PLAIN:
        content = zlib.decompressobj().decompress(content, size)
    stored = np.frombuffer(content[:size], np.uint8).reshape(rows, -1)
    predictor = layout.directory.get(tags.PREDICTOR, VALUES)
    shape = rows, layout.columns, layout.values
    if predictor == BYTE_DIFFERENCES:
        summed = stored.reshape(rows, -1, layout.values).cumsum(axis=1, dtype=np.uint8)
        by_value = summed.reshape(rows, layout.dtype.itemsize, -1).swapaxes(1, 2)
        return np.ascontiguousarray(by_value).view(layout.dtype.newbyteorder(">")).reshape(shape)
    values = stored.reshape(-1).view(layout.dtype).reshape(shape)
    if predictor == DIFFERENCES:
        unsigned = np.dtype(f"u{layout.dtype.itemsize}")
        values = (
            values.view(unsigned.newbyteorder(layout.dtype.byteorder)).astype(unsigned).cumsum(axis=1, dtype=unsigned)
        )
        return values.view(layout.dtype.newbyteorder("="))
    return values
