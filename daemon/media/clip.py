"""What a decoded file is: pictures in order, with the facts that the words around them need."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from storage.records import Media, MediaKind

#: One picture: (height, width, 3), uint8, RGB, upright.
Pixels = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class DecodePlan:
    """How much of a file the model will look at. Edges are in pixels; larger pictures are shrunk to them on the way."""

    image_edge: int
    frame_edge: int
    frames_per_second: float
    max_frames: int
    max_bytes: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Clip:
    """`pictures`: one for an image, one a sampled frame for a video, with `timestamps` in seconds from the start.

    `media` holds the file's own size, not that of the (perhaps shrunk) pictures.
    """

    media: Media
    pictures: tuple[Pixels, ...]
    timestamps: tuple[float, ...]

    @property
    def is_video(self) -> bool:
        return self.media.kind is MediaKind.VIDEO

    @property
    def nbytes(self) -> int:
        """What the pictures take in memory."""
        return sum(picture.nbytes for picture in self.pictures)
