"""Videos of any pixel format, colour tags and pixel aspect, from arrays: more options than `media_files.save_video`."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

#: Rec. ITU-R BT.2087: linear light of BT.709 as that of BT.2020.
TO_BT2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])


def encode_video(
    path: Path,
    frames: Sequence[NDArray[np.uint8] | NDArray[np.uint16]],
    *,
    codec: str,
    pix_fmt: str,
    pixel_aspect: Fraction = Fraction(1),
    tags: tuple[int, int, int, int] = (2, 2, 2, 0),
    options: dict[str, str] | None = None,
) -> Path:
    """Write frames (height, width, 3 or 4), 8 a second; values of 16 bits are R'G'B' too.

    `pixel_aspect`: width of a pixel divided by its height. `tags`: primaries, transfer and matrix as in Rec. ITU-T
    H.273, and FFmpeg's number of the range; the pixels are converted by that matrix and range.
    """
    primaries, transfer, matrix, full = tags
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=8, options=options or {})
        assert isinstance(stream, VideoStream)
        context = stream.codec_context
        context.height, context.width = frames[0].shape[:2]
        context.pix_fmt = pix_fmt
        context.sample_aspect_ratio = pixel_aspect
        context.color_primaries, context.color_trc, context.colorspace = primaries, transfer, matrix
        context.color_range = full
        context.thread_count = 1
        for k, values in enumerate(frames):
            deep, clear = values.dtype == np.uint16, values.shape[2] == 4
            frame = av.VideoFrame.from_ndarray(
                values, ("rgba64le" if clear else "rgb48le") if deep else ("rgba" if clear else "rgb24")
            )
            frame = frame.reformat(
                format=pix_fmt,
                dst_colorspace=matrix if matrix in (1, 9) else None,
                dst_color_range=full or None,
                threads=1,
            )
            frame.pts, frame.time_base = k, Fraction(1, 8)
            frame.color_primaries, frame.color_trc = primaries, transfer
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path


def pq(picture: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """An ordinary picture as HDR: BT.2020 primaries, SMPTE ST 2084, white at 203 cd/m²; in 16 bits."""
    value = picture / 255
    light = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4) @ TO_BT2020.T
    power = (light * 203 / 10_000) ** (2610 / 16384)
    signal = ((3424 + 2413 * 32 * power) / (4096 + 2392 * 32 * power)) ** (2523 / 4096 * 128)
    codes: NDArray[np.uint16] = np.round(signal * 65535).astype(np.uint16)
    return codes
