"""A decoded file: pictures in order, with the facts that the prompt needs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from storage.description import Media
from storage.records import MediaKind

if TYPE_CHECKING:  # the daemon imports this module for its names alone
    import numpy as np
    from numpy.typing import NDArray

#: Codes of defects (storage/quality.py has their sentences): damaged in places, its end missing, only a small preview.
DAMAGED = "damaged"
CUT_SHORT = "cut-short"
SMALL_PREVIEW = "small-preview"

#: One picture: (height, width, 3), uint8, RGB, upright.
Pixels: TypeAlias = "NDArray[np.uint8]"


@dataclass(frozen=True, kw_only=True)
class DecodePlan:
    """How much of a file to decode. Edges are in pixels; larger pictures are shrunk to them while decoding.

    `low_memory`: save memory at the cost of speed and some sharpness.
    """

    image_edge: int
    frame_edge: int
    frames_per_second: float
    max_frames: int
    max_bytes: int
    seconds: float
    low_memory: bool = False

    def smaller(self) -> DecodePlan:
        """The plan for a retry after the first try ran out of memory."""
        return replace(
            self,
            image_edge=max(self.image_edge // 2, 1),
            frame_edge=max(self.frame_edge // 2, 1),
            max_frames=max(self.max_frames // 4, 1),
            low_memory=True,
        )


@dataclass(frozen=True, kw_only=True)
class Clip:
    """`pictures`: one for an image, one per sampled frame for a video, with `timestamps` in seconds from the start.

    `media` holds the file's own size; the pictures may be shrunk. `defects`: codes DAMAGED, CUT_SHORT, SMALL_PREVIEW
    for what could not be decoded.
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
        """Memory of the pictures in bytes."""
        return sum(picture.nbytes for picture in self.pictures)
