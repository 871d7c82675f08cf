"""Converts HDR and wide-gamut colours to sRGB; white stays white and hues stay. Pure.

Sources: Rec. ITU-R BT.2100 (PQ, which is SMPTE ST 2084, and HLG), BT.2408 (how bright white is), BT.709, BT.2020 and
SMPTE EG 432-1 (primaries), IEC 61966-2-1 (sRGB).

PQ encodes absolute luminance. HLG encodes luminance relative to the display, and an SDR display may show the signal
with its own curve (BT.2100). This module does that, with the contrast (system gamma) of an HLG display and a scale
that brings paper white near white. SDR videos wrongly labelled as HLG keep their hues this way; the inverse of HLG's
own curve would change them.
"""

from __future__ import annotations

from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from daemon.media.clip import Pixels

Transfer = Literal["pq", "hlg", "sdr"]
Primaries = Literal["bt2020", "bt709", "p3"]
Light = NDArray[np.float32]
Signal = NDArray[np.float32] | NDArray[np.uint16]

#: Luminance of white paper, in cd/m² (BT.2408). It becomes the white of sRGB.
PAPER_WHITE_NITS = 203.0
PQ_PEAK_NITS = 10_000.0
#: The HLG signal that becomes white. Paper white, at 75 % (BT.2408), becomes 239 of 255.
HLG_WHITE = 0.78
#: Exponent of luminance for the contrast of an HLG display: system gamma 1.2 (BT.2100) minus 1.
HLG_CONTRAST = 0.2
#: Luminance of linear BT.2020 red, green and blue.
LUMINANCE = (0.2627, 0.6780, 0.0593)
#: Light up to this share of white is unchanged. Brighter values approach 1; white itself becomes 0.95.
KNEE = 0.9
#: Entries of a lookup table for a curve: one per 16-bit value.
LEVELS = 1 << 16
#: Pixels converted at once, so that they fit into the CPU cache.
CHUNK_PIXELS = 1 << 15

#: x and y of red, green and blue. All share the white point D65.
CHROMATICITIES = {
    "bt709": ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)),
    "bt2020": ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    "p3": ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
D65 = (0.3127, 0.3290)


def to_sdr(signal: Signal, *, transfer: Transfer, primaries: Primaries) -> Pixels:
    """sRGB pixels of a picture with another transfer function or other primaries.

    `signal`: (height, width, 3), non-linear R'G'B' from 0 to 1, or the same in 16 bits, 0 to 65535. "sdr" means the
    transfer of sRGB; only the primaries are converted. Works in chunks: needs only a few MB besides the result.
    """
    pixels: Pixels = np.empty(signal.shape, np.uint8)
    rows = max(CHUNK_PIXELS // max(signal.shape[1], 1), 1)
    for top in range(0, signal.shape[0], rows):
        part = slice(top, top + rows)
        light = apply_matrix(linearize(signal[part], transfer), to_bt709(primaries))
        np.maximum(light, 0, out=light)
        if transfer != "sdr":
            compress_highlights(light)
        for channel, values in enumerate(light):
            pixels[part, :, channel] = srgb_table()[table_indices(values)]
    return pixels


def linearize(signal: Signal, transfer: Transfer) -> Light:
    """Light of each channel, (3, rows, width); 1 is white."""
    table = light_table(transfer)
    light: Light = np.empty((3, *signal.shape[:2]), np.float32)
    for channel in range(3):
        light[channel] = table[table_indices(signal[..., channel])]
    if transfer == "hlg":
        light *= apply_matrix(light, np.array([LUMINANCE]))[0] ** HLG_CONTRAST
    return light


def apply_matrix(light: Light, matrix: NDArray[np.float64]) -> Light:
    """`matrix` times each pixel. Without BLAS, which would start its own threads."""
    result: Light = np.empty((len(matrix), *light.shape[1:]), np.float32)
    for row, (red, green, blue) in zip(result, matrix.astype(np.float32), strict=True):
        np.multiply(light[0], red, out=row)
        row += light[1] * green
        row += light[2] * blue
    return result


def compress_highlights(light: Light) -> None:
    """Compress highlights to below 1, in place. All channels are scaled alike, so that hues stay."""
    brightest = light.max(axis=0)
    bright = brightest > KNEE
    if bright.any():
        over = (brightest[bright] - KNEE) / (1 - KNEE)
        light[:, bright] *= (KNEE + (1 - KNEE) * over / (1 + over)) / brightest[bright]


def table_indices(values: Signal) -> NDArray[np.uint16]:
    """Indices of `values` in a table of LEVELS entries; values outside 0 to 1 are clipped."""
    if values.dtype == np.uint16:
        return values.astype(np.uint16, copy=False)
    return (values * (LEVELS - 1) + 0.5).clip(0, LEVELS - 1).astype(np.uint16)


@cache
def light_table(transfer: Transfer) -> NDArray[np.float32]:
    """Light for each of LEVELS signal values; 1 is white."""
    signal = np.linspace(0, 1, LEVELS)
    if transfer == "pq":
        power = signal ** (1 / 78.84375)
        light = (np.maximum(power - 0.8359375, 0) / (18.8515625 - 18.6875 * power)) ** (1 / 0.1593017578125)
        return (light * PQ_PEAK_NITS / PAPER_WHITE_NITS).astype(np.float32)
    if transfer == "hlg":
        signal /= HLG_WHITE
    light = np.where(signal <= 0.04045, signal / 12.92, ((signal + 0.055) / 1.055) ** 2.4)
    return light.astype(np.float32)


@cache
def srgb_table() -> NDArray[np.uint8]:
    """The pixel value for each of LEVELS steps of light."""
    light = np.linspace(0, 1, LEVELS)
    signal = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.round(255 * signal).astype(np.uint8)


@cache
def to_bt709(primaries: Primaries) -> NDArray[np.float64]:
    """The matrix from linear light of `primaries` to that of BT.709."""
    matrix: NDArray[np.float64] = np.linalg.inv(to_xyz("bt709")) @ to_xyz(primaries)
    return matrix


@cache
def to_xyz(primaries: Primaries) -> NDArray[np.float64]:
    """The matrix from linear R, G, B to CIE X, Y, Z (SMPTE RP 177)."""
    columns = np.array([(x / y, 1.0, (1 - x - y) / y) for x, y in CHROMATICITIES[primaries]]).T
    x, y = D65
    matrix: NDArray[np.float64] = columns * np.linalg.solve(columns, [x / y, 1.0, (1 - x - y) / y])
    return matrix
