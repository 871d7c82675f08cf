"""Converts a decoded frame to sRGB: the right matrix and range, HDR tone mapping, alpha on white."""

from __future__ import annotations

from typing import Any

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, ColorTrc, Interpolation, VideoReformatter
from PIL import Image

from daemon.media.clip import Pixels
from daemon.media.hdr import Primaries, Transfer, to_sdr

#: Matrix codes (Rec. ITU-T H.273, `MatrixCoefficients`) that swscale supports.
BT709, BT470BG, SMPTE170M, BT2020 = 1, 5, 6, 9
SWSCALE_MATRICES = frozenset({BT709, 4, BT470BG, SMPTE170M, 7, BT2020})
#: Without a stated matrix, a larger frame counts as high definition (the rule of mpv).
SD_WIDTH, SD_HEIGHT = 1280, 576

TRANSFERS: dict[int, Transfer] = {ColorTrc.SMPTE2084: "pq", ColorTrc.ARIB_STD_B67: "hlg"}
PRIMARIES: dict[int, Primaries] = {
    ColorPrimaries.BT2020: "bt2020",
    ColorPrimaries.SMPTE431: "p3",
    ColorPrimaries.SMPTE432: "p3",
}
#: A frame of 4096 pixels and more is shrunk during colour conversion, to at least MIN_REDUCED_EDGE pixels and
#: OVERSAMPLE times the target edge. Otherwise an 8K video would need gigabytes.
MIN_REDUCED_EDGE, OVERSAMPLE = 2048, 4
#: Limited range, 16 to 235, spread to 0 to 255.
LIMITED_TO_FULL = np.round((np.arange(256) - 16).clip(0, 219) * (255 / 219)).astype(np.uint8)


class ColourConverter:
    """Converts frames one after another. Reuses the state of swscale."""

    def __init__(self) -> None:
        self._converter = VideoReformatter()

    def pixels(self, frame: VideoFrame, edge: int) -> Pixels:
        """(height, width, 3), as decoded: not rotated, pixel aspect unchanged.

        A very large frame is reduced to a half, a third … in both directions; `edge` is its final longest edge.
        """
        transfer = TRANSFERS.get(frame.color_trc, "sdr")
        primaries = primaries_of(frame, transfer)
        frame.colorspace = matrix_of(frame, transfer)
        needs_16_bits = transfer != "sdr" or primaries != "bt709"
        has_alpha = any(component.is_alpha for component in frame.format.components)
        format = ("rgba64le" if has_alpha else "rgb48le") if needs_16_bits else ("rgba" if has_alpha else "rgb24")
        reduction = max(max(frame.width, frame.height) // max(OVERSAMPLE * edge, MIN_REDUCED_EDGE), 1)
        size = (
            (frame.width, frame.height)
            if reduction == 1
            else (max(frame.width // reduction, 1), max(frame.height // reduction, 1))
        )
        method = Interpolation.BILINEAR if reduction == 1 else Interpolation.AREA
        values: Any = self._converter.reformat(
            frame, *size, format=format, interpolation=method, threads=1
        ).to_ndarray()
        pixels = to_sdr(values[..., :3], transfer=transfer, primaries=primaries) if needs_16_bits else values[..., :3]
        if frame.format.name.startswith("gray") and frame.color_range == ColorRange.MPEG:
            return LIMITED_TO_FULL[pixels]  # swscale treats all gray as full range
        if not has_alpha:
            return pixels
        alpha = values[..., 3:] >> 8 if needs_16_bits else values[..., 3:]
        return on_white(np.concatenate((pixels, alpha.astype(np.uint8)), axis=2))


def primaries_of(frame: VideoFrame, transfer: Transfer) -> Primaries:
    """As the frame states; if unspecified, BT.2020 for HDR and BT.709 otherwise."""
    is_unspecified = frame.color_primaries in (0, ColorPrimaries.UNSPECIFIED)
    return PRIMARIES.get(frame.color_primaries, "bt2020" if is_unspecified and transfer != "sdr" else "bt709")


def matrix_of(frame: VideoFrame, transfer: Transfer) -> int:
    """The matrix from R'G'B' to Y'CbCr: as the frame states, else the usual one."""
    if frame.colorspace in SWSCALE_MATRICES:
        return frame.colorspace
    if transfer != "sdr" or frame.color_primaries == ColorPrimaries.BT2020:
        return BT2020
    return BT709 if frame.width >= SD_WIDTH or frame.height > SD_HEIGHT else SMPTE170M


def on_white(pixels: Pixels) -> Pixels:
    """RGBA composited on white, as for pictures."""
    layer = Image.fromarray(pixels)
    return np.asarray(Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB"))
