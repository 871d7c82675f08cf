"""What a decoded file is: pictures in order, with the facts that the words around them need."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from storage.description import Media
from storage.records import MediaKind

#: What of a file could not be seen (storage/quality.py has the words): parts of it are broken, or its end is missing.
DAMAGED = "damaged"
CUT_SHORT = "cut-short"
SMALL_PREVIEW = "small-preview"

#: One picture: (height, width, 3), uint8, RGB, upright.
Pixels = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class DecodePlan:
    """How much of a file the model will look at. Edges are in pixels; larger pictures are shrunk to them on the way.

    `sparing`: memory is short, and worth more than speed and the last bit of sharpness.
    """

    image_edge: int
    frame_edge: int
    frames_per_second: float
    max_frames: int
    max_bytes: int
    seconds: float
    sparing: bool = False

    def smaller(self) -> DecodePlan:
        """The plan for a second try, after the first took more memory than there is."""
        return replace(
            self,
            image_edge=max(self.image_edge // 2, 1),
            frame_edge=max(self.frame_edge // 2, 1),
            max_frames=max(self.max_frames // 4, 1),
            sparing=True,
        )


@dataclass(frozen=True, kw_only=True)
class Clip:
    """`pictures`: one for an image, one a sampled frame for a video, with `timestamps` in seconds from the start.

    `media` holds the file's own size, not that of the (perhaps shrunk) pictures. `defects` says in codes what of the
    file could not be seen: DAMAGED, CUT_SHORT, SMALL_PREVIEW.
    """

    media: Media
    pictures: tuple[Pixels, ...]
    timestamps: tuple[float, ...]
    defects: tuple[str, ...] = ()

    @property
    def is_video(self) -> bool:
        return self.media.kind is MediaKind.VIDEO

    @property
    def nbytes(self) -> int:
        """What the pictures take in memory."""
        return sum(picture.nbytes for picture in self.pictures)
