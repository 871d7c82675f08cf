"""How a video's frames are to be shown, told once for the whole stream: turned, mirrored, and in what shape."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from daemon.media.clip import Pixels

#: a, b, c, d of a display matrix: what is decoded at (x, y) is shown at (ax + cy, bx + dy), but for a shift.
Matrix = tuple[int, int, int, int]

FRAMES_ASKED = 2
#: By quarter turns, counter-clockwise.
ROTATIONS = {1: (0, -1, 1, 0), 2: (-1, 0, 0, -1), 3: (0, 1, -1, 0)}
#: Pixels that are said to be more stretched than this are taken for square ones.
MOST_STRETCHED = 10.0


@dataclass(frozen=True)
class DisplayGeometry:
    """`swapped`: rows and columns change places, first of all; then the picture is mirrored in `x`, in `y`.

    `stretch`: how many times wider than high a decoded pixel is.
    """

    swapped: bool = False
    mirrored_x: bool = False
    mirrored_y: bool = False
    stretch: float = 1.0

    def upright(self, pixels: Pixels) -> Pixels:
        """A view of the decoded pixels, turned as they are to be shown. Any of the eight orientations."""
        if self.swapped:
            pixels = np.swapaxes(pixels, 0, 1)
        return pixels[:: -1 if self.mirrored_y else 1, :: -1 if self.mirrored_x else 1]

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height at which a frame that is decoded at this size is shown: its height stays."""
        wide = max(round(width * self.stretch), 1)
        return (height, wide) if self.swapped else (wide, height)


def appearance_of(stream: VideoStream, opening: Sequence[VideoFrame]) -> DisplayGeometry:
    """By the container's display matrix or, where it has none, by the orientation that the codec's own stream tells.

    `opening`: the stream's first FRAMES_ASKED frames, or all there are. Each carries the matrix that holds for it, and
    what holds for the first alone turns nothing: an SEI message that is not repeated. (ffplay takes the first frame's
    for the whole stream, mpv turns frame by frame.)
    """
    matrices = [display_matrix(frame) for frame in opening[:FRAMES_ASKED]]
    common = matrices[0] if len(set(matrices)) == 1 else None
    return oriented(common, stretch_of(stream))


def display_matrix(frame: VideoFrame) -> Matrix | None:
    """None where nothing is said. The container's comes before that of the codec's stream, and counts alone."""
    try:
        sides: Any = frame.side_data
    except ValueError:  # PyAV gives none of them when it does not know one, as EXIF; but it gives the angle
        return ROTATIONS.get(round(frame.rotation / 90) % 4)
    for side in sides:
        if side.type == Type.DISPLAYMATRIX:
            a, b, _, c, d, *_ = struct.unpack("=9i", bytes(side))
            return a, b, c, d
    return None


def oriented(matrix: Matrix | None, stretch: float) -> DisplayGeometry:
    """The nearest of the eight orientations: a multiple of 90 degrees, mirrored or not."""
    if matrix is None:
        return DisplayGeometry(stretch=stretch)
    a, b, c, d = matrix
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return DisplayGeometry(False, a < 0, d < 0, stretch)
    return DisplayGeometry(True, c < 0, b < 0, stretch)


def stretch_of(stream: VideoStream) -> float:
    ratio = float(stream.sample_aspect_ratio or 1)
    return ratio if 1 / MOST_STRETCHED <= ratio <= MOST_STRETCHED else 1.0
