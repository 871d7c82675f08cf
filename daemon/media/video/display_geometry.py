"""Rotation, mirroring and pixel aspect ratio of a video, determined once for the whole stream."""

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

#: a, b, c, d of a display matrix: the decoded pixel (x, y) is displayed at (ax + cy, bx + dy), apart from an offset.
Matrix = tuple[int, int, int, int]

MATRIX_FRAMES = 2
#: By quarter rotations, counter-clockwise.
ROTATIONS = {1: (0, -1, 1, 0), 2: (-1, 0, 0, -1), 3: (0, 1, -1, 0)}
#: A more extreme pixel aspect ratio is ignored.
MAX_PIXEL_ASPECT = 10.0


@dataclass(frozen=True)
class DisplayGeometry:
    """`transposed`: rows and columns are swapped first; then the picture is mirrored in x, in y.

    `pixel_aspect`: width of a decoded pixel divided by its height.
    """

    transposed: bool = False
    mirrored_x: bool = False
    mirrored_y: bool = False
    pixel_aspect: float = 1.0

    def upright(self, pixels: Pixels) -> Pixels:
        """A view of the decoded pixels in display orientation; covers all eight orientations."""
        if self.transposed:
            pixels = np.swapaxes(pixels, 0, 1)
        return pixels[:: -1 if self.mirrored_y else 1, :: -1 if self.mirrored_x else 1]

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Display width and height of a frame decoded at this size. The pixel aspect changes only the width."""
        displayed_width = max(round(width * self.pixel_aspect), 1)
        return (height, displayed_width) if self.transposed else (displayed_width, height)


def geometry_of(stream: VideoStream, first_frames: Sequence[VideoFrame]) -> DisplayGeometry:
    """From the container's display matrix or, without one, from the orientation in the codec's own stream.

    `first_frames`: the first MATRIX_FRAMES frames, or all. Each carries its matrix; one that only the first frame has
    (an SEI message that is not repeated) is ignored. (ffplay applies the first frame's matrix to the whole stream, mpv
    applies each frame's own.)
    """
    matrices = [display_matrix(frame) for frame in first_frames[:MATRIX_FRAMES]]
    common = matrices[0] if len(set(matrices)) == 1 else None
    return geometry_from(common, pixel_aspect_of(stream))


def display_matrix(frame: VideoFrame) -> Matrix | None:
    """None without one. The container's comes first in the list and takes precedence over the codec's."""
    try:
        side_data: Any = frame.side_data
    except ValueError:  # PyAV fails on unknown side data, such as EXIF, but still has the angle
        return ROTATIONS.get(round(frame.rotation / 90) % 4)
    for item in side_data:
        if item.type == Type.DISPLAYMATRIX:
            a, b, _, c, d, *_ = struct.unpack("=9i", bytes(item))
            return a, b, c, d
    return None


def geometry_from(matrix: Matrix | None, pixel_aspect: float) -> DisplayGeometry:
    """The nearest of the eight orientations: a multiple of 90 degrees, mirrored or not."""
    if matrix is None:
        return DisplayGeometry(pixel_aspect=pixel_aspect)
    a, b, c, d = matrix
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return DisplayGeometry(False, a < 0, d < 0, pixel_aspect)
    return DisplayGeometry(True, c < 0, b < 0, pixel_aspect)


def pixel_aspect_of(stream: VideoStream) -> float:
    ratio = float(stream.sample_aspect_ratio or 1)
    return ratio if 1 / MAX_PIXEL_ASPECT <= ratio <= MAX_PIXEL_ASPECT else 1.0
