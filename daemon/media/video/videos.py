"""Videos as a few upright RGB frames with their times, through PyAV.

The stream is chosen and judged by `tracks`, measured by `timing`, decoded by `seeker` and shown by `developing`; this
module says what was seen.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from daemon.errors import NotAllowedError
from daemon.media.clip import CUT_SHORT, DAMAGED, Clip, DecodePlan
from daemon.media.safe_open import check_size
from daemon.media.sampling import frame_indices
from daemon.media.sniff import HEAD_BYTES, Format, sniff
from daemon.media.video.completeness import faults_of
from daemon.media.video.containers import translate_errors
from daemon.media.video.display_geometry import MATRIX_FRAMES, geometry_of
from daemon.media.video.duration import Duration, OpenTrack, measure
from daemon.media.video.frame_checks import FrameChecks
from daemon.media.video.frame_conversion import ConvertedFrames, convert_frames
from daemon.media.video.frame_seeker import FrameSeeker, SeekedFrame, SeekMissedError
from daemon.media.video.packet_counter import Check
from daemon.media.video.track_selection import check_frame, open_track, select_track
from storage.records import Media, MediaKind

THREADS = 2
#: So much time goes into decoding at most, and no more than half of what the plan allows for the whole.
DECODE_SECONDS = 20.0
#: Where parts of a file are gone, a frame that lasts so many times longer than usual hides some that were lost.
MAX_STEP_RATIO = 1.5


def read_video(fd: int, plan: DecodePlan) -> Clip:
    """1 to `plan.max_frames` frames, no edge over `plan.frame_edge`, chosen by `frame_indices`. `fd` stays open.

    A file that breaks off gives the frames up to there. Raises ChangedError when somebody appends to it meanwhile,
    NotAllowedError, TooLargeError, UnreadableError, OutOfMemoryError.
    """
    format = sniff(os.pread(fd, HEAD_BYTES, 0))
    if format is None or not (format.kind is MediaKind.VIDEO or format.name == "heif"):  # of pictures in sequence
        raise NotAllowedError("Not a video that smolwatch knows.")
    began = time.monotonic()
    stop_at = began + min(DECODE_SECONDS, plan.seconds / 2)
    with translate_errors():
        size = os.fstat(fd).st_size
        check = partial(check_size, fd, size)
        film = partial(open_track, fd, format, select_track(fd, format, check))
        duration = measure(film, size, check, stop_at)
        reader = VideoReader(film, format, plan, frozenset(faults_of(fd, format)), check, stop_at)
        try:
            return reader.clip(duration, reader.threads, partial(restart_before, (3 * began + stop_at) / 4))
        except DamageFoundError:
            return reader.clip(duration, 1, lambda: None)


class DamageFoundError(Exception):
    """Several threads do not mark all that is damaged, and not always the same: one alone shall decode it."""


def restart_before(until: float) -> None:
    """After that moment there would be no time to begin anew."""
    if time.monotonic() < until:
        raise DamageFoundError


@dataclass(frozen=True)
class VideoReader:
    """How a film is looked at. `faults`: what its container says is missing. `stop_at`: monotonic seconds."""

    film: OpenTrack
    format: Format
    plan: DecodePlan
    faults: frozenset[str]
    check: Check
    stop_at: float

    @property
    def threads(self) -> int:
        return 1 if self.plan.low_memory or self.faults else THREADS

    def clip(self, duration: Duration, threads: int, on_loss: Callable[[], None]) -> Clip:
        """What is seen; a second time where the film turns out to end before the plan's last frames."""
        converted, end, defects = self._read_seeking(duration, threads, on_loss)
        if duration.estimated and end is not None and end < duration.seconds - 1 / duration.rate:
            duration = replace(duration.ending_at(end), estimated=False)
            if time.monotonic() < self.stop_at:
                converted, _, defects = self._read_seeking(duration, threads, on_loss)
        media = Media(
            kind=MediaKind.VIDEO,
            format=self.format.name,
            width=converted.width,
            height=converted.height,
            seconds=round(duration.seconds, 6),
            frame_rate=round(duration.rate, 3),
            frames_seen=len(converted.pictures),
        )
        return Clip(media=media, pictures=converted.pictures, timestamps=converted.timestamps, defects=defects)

    def _read_seeking(
        self, duration: Duration, threads: int, on_loss: Callable[[], None]
    ) -> tuple[ConvertedFrames, float | None, tuple[str, ...]]:
        """The frames of the plan, when the last frame ended if the reel came to that, and what was damaged."""
        try:
            return self._read(duration, threads, on_loss, seeks=True)
        except SeekMissedError:
            return self._read(duration, threads, on_loss, seeks=False)

    def _read(
        self, duration: Duration, threads: int, on_loss: Callable[[], None], seeks: bool
    ) -> tuple[ConvertedFrames, float | None, tuple[str, ...]]:
        plan = self.plan
        indices = frame_indices(
            duration.frames, duration.rate, per_second=plan.frames_per_second, max_frames=plan.max_frames
        )
        timestamps = [index / duration.rate for index in indices]
        checks = FrameChecks(MAX_STEP_RATIO / duration.rate if DAMAGED in self.faults else math.inf, on_loss)
        with self.film(threads=threads) as (container, stream):
            seeker = FrameSeeker(
                container,
                stream,
                duration=duration,
                timestamps=timestamps,
                checks=checks,
                check=self.check,
                stop_at=self.stop_at,
                seeks=seeks,
            )
            geometry = geometry_of(stream, seeker.first_frames(MATRIX_FRAMES))
            converted = convert_frames(check_sizes(seeker.frames_at()), geometry, plan.frame_edge)
            return converted, seeker.end, self._defects(checks)

    def _defects(self, checks: FrameChecks) -> tuple[str, ...]:
        """What was noticed while decoding, and what the container tells."""
        noticed = {DAMAGED} if checks.is_damaged else {CUT_SHORT} if checks.is_cut_short else set()
        return tuple(sorted(self.faults | noticed))


def check_sizes(frames: Iterator[SeekedFrame]) -> Iterator[SeekedFrame]:
    """The same shots; one that is too large is refused before it becomes pixels."""
    for seeked in frames:
        check_frame(seeked.frame.width, seeked.frame.height)
        yield seeked
