"""Decoded frames as upright RGB pixels, no larger than the plan wants them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from daemon.errors import UnreadableError
from daemon.media.clip import Clip, DecodePlan, Pixels
from daemon.media.frames import shrink
from daemon.media.kinds import Format
from daemon.media.reel import Shot
from storage.records import Media, MediaKind


def developed(shots: Iterator[Shot], format: Format, plan: DecodePlan, total: int, rate: float) -> Clip:
    """The shots as pixels. Each is shrunk before the next is decoded, so that memory stays small."""
    pictures: list[Pixels] = []
    timestamps: list[float] = []
    width = height = 0
    for shot in shots:
        pixels = upright(shot)
        if not pictures:
            height, width = pixels.shape[:2]
        pictures.append(np.ascontiguousarray(shrink(pixels, plan.frame_edge)))
        timestamps.append(shot.at)
    if not pictures:
        raise UnreadableError("The video is damaged or incomplete: no frame of it can be decoded.")
    media = Media(
        kind=MediaKind.VIDEO,
        format=format.name,
        width=width,
        height=height,
        seconds=round(total / rate, 6),
        frame_rate=round(rate, 3),
        frames_seen=len(pictures),
    )
    return Clip(media=media, pictures=tuple(pictures), timestamps=tuple(timestamps))


def upright(shot: Shot) -> Pixels:
    """Turned as the file's display matrix says; both it and numpy count counter-clockwise."""
    pixels: Pixels = np.rot90(shot.frame.to_ndarray(format="rgb24"), round(shot.frame.rotation / 90))
    return pixels
