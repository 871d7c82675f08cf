"""A video's length and frames without the rest of the way: of any container and codec that FFmpeg opens."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from daemon.media.sampling import frame_indices
from daemon.media.video.duration import Duration, measure
from daemon.media.video.frame_checks import FrameChecks
from daemon.media.video.frame_seeker import FrameSeeker
from daemon.media.video.track_selection import keep_only
from tests.support.media.media_files import frame_number


@contextmanager
def film(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        keep_only(container, [stream])
        yield container, stream


def unchecked() -> None:
    """In place of the look whether the file grows."""


def length(path: Path) -> Duration:
    return measure(partial(film, path), path.stat().st_size, unchecked, time.monotonic() + 60)


def wanted_of(known: Duration, per_second: float = 1) -> list[float]:
    chosen = frame_indices(known.frames, known.rate, per_second=per_second, max_frames=64)
    return [index / known.rate for index in chosen]


def seen(path: Path, known: Duration, wanted: Sequence[float]) -> list[tuple[float, int]]:
    """Time and number of the `grey_frames` that are taken for the wanted times."""
    with film(path) as (container, stream):
        reel = FrameSeeker(
            container,
            stream,
            duration=known,
            timestamps=wanted,
            frame_checks=FrameChecks(),
            check=unchecked,
            stop_at=time.monotonic() + 60,
        )
        return [(shot.at, frame_number(shot.frame.to_ndarray(format="rgb24"))) for shot in reel.sampled_frames()]
