"""A decoded frame's colours as ordinary RGB: by the right matrix and range, HDR brought down, see-through on white."""

from __future__ import annotations

from typing import Any

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, ColorTrc, Interpolation, VideoReformatter
from PIL import Image

from daemon.media.clip import Pixels
from daemon.media.hdr import Primaries, Transfer, to_sdr

#: Codes of matrices (Rec. ITU-T H.273, `MatrixCoefficients`) that swscale knows.
BT709, BT470BG, SMPTE170M, BT2020 = 1, 5, 6, 9
SWSCALE_MATRICES = frozenset({BT709, 4, BT470BG, SMPTE170M, 7, BT2020})
#: A frame beyond this is taken for high definition where it does not name its matrix (the rule of mpv).
SD_WIDTH, SD_HEIGHT = 1280, 576

TRANSFERS: dict[int, Transfer] = {ColorTrc.SMPTE2084: "pq", ColorTrc.ARIB_STD_B67: "hlg"}
PRIMARIES: dict[int, Primaries] = {
    ColorPrimaries.BT2020: "bt2020",
    ColorPrimaries.SMPTE431: "p3",
    ColorPrimaries.SMPTE432: "p3",
}
#: A frame of 4096 pixels and more is shrunk a first time as its colours are converted, to no less than LARGE pixels,
#: and to SPARE times as many as are wanted. Else an 8K film would take gigabytes.
MIN_REDUCED_EDGE, OVERSAMPLE = 2048, 4
#: Limited range, 16 to 235, spread to 0 to 255.
LIMITED_TO_FULL = np.round((np.arange(256) - 16).clip(0, 219) * (255 / 219)).astype(np.uint8)


class ColourConverter:
    """Converts one frame after the other. It keeps what converting one has set up for the next."""

    def __init__(self) -> None:
        self._converter = VideoReformatter()

    def pixels(self, frame: VideoFrame, edge: int) -> Pixels:
        """(height, width, 3), as decoded: neither turned nor stretched.

        Of a very large frame, which is to become one no longer than `edge`, a half, a third … in either direction.
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
            return LIMITED_TO_FULL[pixels]  # swscale takes all gray for full range
        if not has_alpha:
            return pixels
        alpha = values[..., 3:] >> 8 if needs_16_bits else values[..., 3:]
        return on_white(np.concatenate((pixels, alpha.astype(np.uint8)), axis=2))


def primaries_of(frame: VideoFrame, transfer: Transfer) -> Primaries:
    """As the frame says; where it says nothing, HDR is wide and all else is not."""
    is_unspecified = frame.color_primaries in (0, ColorPrimaries.UNSPECIFIED)
    return PRIMARIES.get(frame.color_primaries, "bt2020" if is_unspecified and transfer != "sdr" else "bt709")


def matrix_of(frame: VideoFrame, transfer: Transfer) -> int:
    """The matrix by which Y'CbCr became of R'G'B': as the frame says, else the usual one."""
    if frame.colorspace in SWSCALE_MATRICES:
        return frame.colorspace
    if transfer != "sdr" or frame.color_primaries == ColorPrimaries.BT2020:
        return BT2020
    return BT709 if frame.width >= SD_WIDTH or frame.height > SD_HEIGHT else SMPTE170M


def on_white(pixels: Pixels) -> Pixels:
    """What is transparent shows white, as in pictures."""
    layer = Image.fromarray(pixels)
    return np.asarray(Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB"))
