"""Videos as a few upright RGB frames with timestamps, through PyAV.

`track_selection` chooses the stream, `duration` measures it, `frame_seeker` decodes the sampled frames, and
`frame_conversion` makes pixels of them; this module builds the Clip.
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
from storage.description import Media
from storage.records import MediaKind

THREADS = 2
#: Time limit for decoding; at most half of the plan's limit for the whole file.
DECODE_SECONDS = 20.0
#: In a damaged file, a gap of more than this many frame durations means that frames were lost.
MAX_STEP_RATIO = 1.5


def read_video(fd: int, plan: DecodePlan) -> Clip:
    """1 to `plan.max_frames` frames, no edge over `plan.frame_edge`, chosen by `frame_indices`. `fd` stays open.

    A truncated file gives the frames up to its end. Raises ChangedError if the file grows meanwhile, NotAllowedError,
    TooLargeError, UnreadableError, OutOfMemoryError.
    """
    format = sniff(os.pread(fd, HEAD_BYTES, 0))
    if format is None or not (format.kind is MediaKind.VIDEO or format.name == "heif"):  # an image sequence
        raise NotAllowedError("Not a video format that smolwatch supports.")
    began = time.monotonic()
    stop_at = began + min(DECODE_SECONDS, plan.seconds / 2)
    with translate_errors():
        size = os.fstat(fd).st_size
        check = partial(check_size, fd, size)
        open_chosen = partial(open_track, fd, format, select_track(fd, format, check))
        duration = measure(open_chosen, size, check, stop_at)
        reader = VideoReader(open_chosen, format, plan, frozenset(faults_of(fd, format)), check, stop_at)
        try:
            return reader.clip(duration, reader.threads, partial(restart_before, (3 * began + stop_at) / 4))
        except DamageFoundError:
            return reader.clip(duration, 1, lambda: None)


class DamageFoundError(Exception):
    """Restart with one thread: several threads do not mark all damaged frames, and not always the same ones."""


def restart_before(until: float) -> None:
    """Raises DamageFoundError, unless it is too late for a restart."""
    if time.monotonic() < until:
        raise DamageFoundError


@dataclass(frozen=True)
class VideoReader:
    """Reads one video. `faults`: defects found in its container. `stop_at`: monotonic seconds."""

    open_track: OpenTrack
    format: Format
    plan: DecodePlan
    faults: frozenset[str]
    check: Check
    stop_at: float

    @property
    def threads(self) -> int:
        return 1 if self.plan.low_memory or self.faults else THREADS

    def clip(self, duration: Duration, threads: int, on_loss: Callable[[], None]) -> Clip:
        """The clip; sampled a second time if an estimated duration turns out to be too long."""
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
        """The sampled frames, the end of the last frame if it was reached, and the defects."""
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
        frame_checks = FrameChecks(MAX_STEP_RATIO / duration.rate if DAMAGED in self.faults else math.inf, on_loss)
        with self.open_track(threads=threads) as (container, stream):
            seeker = FrameSeeker(
                container,
                stream,
                duration=duration,
                timestamps=timestamps,
                frame_checks=frame_checks,
                check=self.check,
                stop_at=self.stop_at,
                seeks=seeks,
            )
            geometry = geometry_of(stream, seeker.first_frames(MATRIX_FRAMES))
            converted = convert_frames(check_sizes(seeker.sampled_frames()), geometry, plan.frame_edge)
            return converted, seeker.end, self._defects(frame_checks)

    def _defects(self, frame_checks: FrameChecks) -> tuple[str, ...]:
        """Defects found while decoding and in the container."""
        noticed = {DAMAGED} if frame_checks.is_damaged else {CUT_SHORT} if frame_checks.is_cut_short else set()
        return tuple(sorted(self.faults | noticed))


def check_sizes(frames: Iterator[SeekedFrame]) -> Iterator[SeekedFrame]:
    """The same frames. Raises TooLargeError for one that is too large, before its conversion."""
    for seeked in frames:
        check_frame(seeked.frame.width, seeked.frame.height)
        yield seeked
