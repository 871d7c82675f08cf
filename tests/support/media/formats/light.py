"""Colours as stored values: transfer curves, primaries and matrices, from the standards, not from a codec.

Written a second time, in numpy, so that a decoder is not judged by its own arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float64]
#: A picture's stored R'G'B' by one transfer curve.
Curve = Callable[[Image.Image], Floats]

#: Linear BT.709 to linear BT.2020 (ITU-R BT.2087).
TO_2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
#: What red, green and blue weigh in Y': ITU-R BT.601, BT.709 and BT.2020.
WEIGHTS = {
    "bt601": (0.299, 0.587, 0.114),
    "bt709": (0.2126, 0.7152, 0.0722),
    "bt2020": (0.2627, 0.6780, 0.0593),
}
#: A white page in an HDR programme, in nits (ITU-R BT.2408), and the peaks of the two systems.
WHITE, PQ_PEAK, HLG_PEAK = 203.0, 10_000.0, 1000.0


def linear(picture: Image.Image) -> Floats:
    """sRGB (IEC 61966-2-1) to light, 1.0 for white; shape (height, width, 3)."""
    v = np.asarray(picture.convert("RGB"), dtype=np.float64) / 255
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)


def sdr(picture: Image.Image) -> Floats:
    """R'G'B' from 0 to 1, as in an SDR file."""
    return np.asarray(picture.convert("RGB"), dtype=np.float64) / 255


def wide(picture: Image.Image) -> Floats:
    """R'G'B' with BT.2020 primaries and an SDR curve."""
    light = np.clip(linear(picture) @ TO_2020.T, 0, 1)
    curve: Floats = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return curve


def pq(picture: Image.Image) -> Floats:
    """R'G'B' of SMPTE ST 2084 over BT.2020 primaries."""
    light = linear(picture) @ TO_2020.T * WHITE / PQ_PEAK
    m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
    curve: Floats = ((c1 + c2 * light**m1) / (1 + c3 * light**m1)) ** m2
    return curve


def hlg(picture: Image.Image) -> Floats:
    """R'G'B' of ARIB STD-B67 over BT.2020 primaries, for a display of 1000 nits (system gamma 1.2, ITU-R BT.2100)."""
    shown = linear(picture) @ TO_2020.T * WHITE / HLG_PEAK
    luminance = shown @ np.array(WEIGHTS["bt2020"])
    scene = shown * np.where(luminance > 0, luminance, 1.0)[..., None] ** (1 / 1.2 - 1)
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    bright = a * np.log(np.maximum(12 * scene - b, 1e-9)) + c
    curve: Floats = np.where(scene <= 1 / 12, np.sqrt(3 * scene), bright)
    return curve


def yuv_planes(
    signal: Floats, matrix: str, *, full: bool = False, depth: int = 8, chroma: tuple[int, int] = (2, 2)
) -> list[np.ndarray]:
    """Y', Cb and Cr of R'G'B' (height, width, 3). `chroma`: how many pixels across and down share one Cb and Cr."""
    red, _, blue = WEIGHTS[matrix]
    luma = signal @ np.array(WEIGHTS[matrix])
    differences = (signal[..., 2] - luma) / (2 * (1 - blue)), (signal[..., 0] - luma) / (2 * (1 - red))
    unit, top = 1 << (depth - 8), (1 << depth) - 1
    scales = (top, 0, top) if full else (219 * unit, 16 * unit, 224 * unit)
    kind = np.uint8 if depth == 8 else "<u2"
    planes = [luma * scales[0] + scales[1], *(shared(d, chroma) * scales[2] + 128 * unit for d in differences)]
    return [np.round(plane).clip(0, top).astype(kind) for plane in planes]


def shared(plane: Floats, chroma: tuple[int, int]) -> Floats:
    across, down = chroma
    height, width = plane.shape
    means: Floats = plane.reshape(height // down, down, width // across, across).mean((1, 3))
    return means
