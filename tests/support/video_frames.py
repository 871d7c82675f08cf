"""Duration and sampled frames of a video, without the rest of the decoder: any container and codec of FFmpeg."""

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
def open_video(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        keep_only(container, [stream])
        yield container, stream


def no_check() -> None:
    """In place of the check whether the file grows."""


def duration_of(path: Path) -> Duration:
    return measure(partial(open_video, path), path.stat().st_size, no_check, time.monotonic() + 60)


def sample_timestamps(duration: Duration, per_second: float = 1) -> list[float]:
    chosen = frame_indices(duration.frames, duration.rate, per_second=per_second, max_frames=64)
    return [index / duration.rate for index in chosen]


def frames_seen(path: Path, duration: Duration, timestamps: Sequence[float]) -> list[tuple[float, int]]:
    """Time and number of the `grey_frames` that are sampled for the timestamps."""
    with open_video(path) as (container, stream):
        seeker = FrameSeeker(
            container,
            stream,
            duration=duration,
            timestamps=timestamps,
            frame_checks=FrameChecks(),
            check=no_check,
            stop_at=time.monotonic() + 60,
        )
        return [
            (seeked.at, frame_number(seeked.frame.to_ndarray(format="rgb24"))) for seeked in seeker.sampled_frames()
        ]
