"""Decoded frames as pixels: sRGB, upright, with square pixels, no larger than the plan allows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from daemon.errors import UnreadableError
from daemon.media.clip import Pixels
from daemon.media.sampling import fit_edge, resize
from daemon.media.video.colour_conversion import ColourConverter
from daemon.media.video.display_geometry import DisplayGeometry
from daemon.media.video.frame_seeker import SeekedFrame


@dataclass(frozen=True, kw_only=True)
class ConvertedFrames:
    """`pictures` with their `timestamps`; `width` and `height`: display size of the first frame."""

    pictures: tuple[Pixels, ...]
    timestamps: tuple[float, ...]
    width: int
    height: int


def convert_frames(frames: Iterator[SeekedFrame], geometry: DisplayGeometry, edge: int) -> ConvertedFrames:
    """The frames as pictures, none longer than `edge`. Each is shrunk before the next is decoded, to save memory.

    Raises UnreadableError if there is no frame.
    """
    converter = ColourConverter()
    pictures: list[Pixels] = []
    timestamps: list[float] = []
    size = (0, 0)
    for seeked in frames:
        displayed_size = geometry.size(seeked.frame.width, seeked.frame.height)
        if not pictures:
            size = displayed_size
        pixels = geometry.upright(converter.pixels(seeked.frame, edge))
        target_size = fit_edge(*displayed_size, edge) if max(displayed_size) > edge else displayed_size
        pictures.append(np.ascontiguousarray(resize(pixels, target_size)))
        timestamps.append(seeked.at)
    if not pictures:
        raise UnreadableError("The video is damaged or incomplete: no frame of it can be decoded.")
    return ConvertedFrames(pictures=tuple(pictures), timestamps=tuple(timestamps), width=size[0], height=size[1])
