"""Decoded frames as pixels: in ordinary colours, upright, in their true shape, no larger than the plan wants them."""

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
class ConvertedFrame:
    """`pictures` with their `timestamps`; `width` and `height` at which the first frame is shown."""

    pictures: tuple[Pixels, ...]
    timestamps: tuple[float, ...]
    width: int
    height: int


def developed(shots: Iterator[SeekedFrame], appearance: DisplayGeometry, edge: int) -> ConvertedFrame:
    """The shots as pictures, none longer than `edge`. Each is shrunk before the next is decoded: memory stays small.

    Raises UnreadableError when there is none.
    """
    colourist = ColourConverter()
    pictures: list[Pixels] = []
    timestamps: list[float] = []
    size = (0, 0)
    for shot in shots:
        shown = appearance.size(shot.frame.width, shot.frame.height)
        if not pictures:
            size = shown
        pixels = appearance.upright(colourist.pixels(shot.frame, edge))
        fitted = fit_edge(*shown, edge) if max(shown) > edge else shown
        pictures.append(np.ascontiguousarray(resize(pixels, fitted)))
        timestamps.append(shot.at)
    if not pictures:
        raise UnreadableError("The video is damaged or incomplete: no frame of it can be decoded.")
    return ConvertedFrame(pictures=tuple(pictures), timestamps=tuple(timestamps), width=size[0], height=size[1])
