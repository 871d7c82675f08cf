"""Converts pixel values of more than eight bits, integers and floats, to eight bits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.TiffImagePlugin import BITSPERSAMPLE, PHOTOMETRIC_INTERPRETATION

WHITE_IS_ZERO = 0
#: Values converted at once.
CHUNK = 1 << 20


@dataclass(frozen=True)
class ValueRange:
    """The values that become black and white."""

    low: float
    high: float

    @classmethod
    def of(cls, parts: Iterable[NDArray[Any]]) -> ValueRange:
        """The type's range for unsigned integers, 0 to 1 for floats within it, else the minimum and maximum."""
        low, high, fractions = np.inf, -np.inf, True
        for values in parts:
            if values.dtype.kind == "u":
                return cls(0.0, float(np.iinfo(values.dtype).max))
            fractions = values.dtype.kind == "f"
            finite = values[np.isfinite(values)]
            if finite.size:
                low, high = min(low, float(finite.min())), max(high, float(finite.max()))
        if not low < high or (fractions and low >= 0 and high <= 1):
            return cls(0.0, 1.0)
        return cls(low, high)


def to_8_bits(picture: Image.Image) -> Image.Image:
    """Modes I;16*, I and F as L; as LA if one value is transparent."""
    tags = getattr(picture, "tag_v2", {})
    transparent = picture.info.get("transparency")
    is_16_bit = picture.mode.startswith("I;16")
    shift = min(max(bits_per_sample(tags), 9), 16) - 8
    value_range = ValueRange(0.0, 1.0) if is_16_bit else ValueRange.of(values for _, values in strips(picture))
    result = Image.new("LA" if isinstance(transparent, int) else "L", picture.size)
    for top, values in strips(picture):
        grey = (values >> shift).astype(np.uint8) if is_16_bit else scale_to_8_bits(values, value_range)
        if tags.get(PHOTOMETRIC_INTERPRETATION) == WHITE_IS_ZERO:  # Pillow inverts only 8-bit values
            grey = 255 - grey
        strip = Image.fromarray(grey)
        if isinstance(transparent, int):
            strip.putalpha(Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8)))
        result.paste(strip, (0, top))
    return result


def strips(picture: Image.Image) -> Iterator[tuple[int, NDArray[Any]]]:
    """The picture's values in strips of rows, from top to bottom, each with its first row number."""
    rows = max(CHUNK // picture.width, 1)
    for top in range(0, picture.height, rows):
        yield top, np.asarray(picture.crop((0, top, picture.width, min(top + rows, picture.height))))


def bits_per_sample(tags: dict[int, tuple[int, ...]]) -> int:
    """16 unless a TIFF states otherwise (12 for X-rays)."""
    bits = tags.get(BITSPERSAMPLE) or (16,)
    return bits[0]


def scale_to_8_bits(values: NDArray[Any], value_range: ValueRange) -> NDArray[np.uint8]:
    with np.errstate(invalid="ignore", over="ignore"):
        stretched = (values.astype(np.float64) - value_range.low) * (255 / (value_range.high - value_range.low))
    return np.rint(np.nan_to_num(stretched, nan=0.0, posinf=255.0, neginf=0.0)).clip(0, 255).astype(np.uint8)
