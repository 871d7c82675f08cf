"""Decode plans, and clips decoded in the test's own process."""

from __future__ import annotations

import os
from pathlib import Path

from daemon.media.clip import Clip, DecodePlan
from daemon.media.decoder.decoder_child import read_clip


def plan(
    *, image_edge: int = 2048, frame_edge: int = 512, per_second: float = 1, max_frames: int = 64, seconds: float = 60
) -> DecodePlan:
    return DecodePlan(
        image_edge=image_edge,
        frame_edge=frame_edge,
        frames_per_second=per_second,
        max_frames=max_frames,
        max_bytes=10**9,
        seconds=seconds,
    )


def read(path: Path, how: DecodePlan | None = None) -> Clip:
    fd = os.open(path, os.O_RDONLY)
    try:
        return read_clip(fd, how or plan())
    finally:
        os.close(fd)
