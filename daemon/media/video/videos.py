"""Videos as a few upright RGB frames with their times, through PyAV.

The stream is chosen and judged by `tracks`, measured by `timing`, decoded by `reel` and shown by `developing`; this
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
from daemon.media.sampling import chosen_indices
from daemon.media.sniff import HEAD_BYTES, Format, sniff
from daemon.media.video.completeness import faults_of
from daemon.media.video.containers import border
from daemon.media.video.display_geometry import FRAMES_ASKED, appearance_of
from daemon.media.video.duration import Duration, Opener, length_of
from daemon.media.video.frame_checks import FrameChecks
from daemon.media.video.frame_conversion import ConvertedFrame, developed
from daemon.media.video.frame_seeker import FrameSeeker, SeekedFrame, SeekMissedError
from daemon.media.video.packet_counter import Check
from daemon.media.video.track_selection import check_frame, choose, opened
from storage.description import Media
from storage.records import MediaKind

THREADS = 2
#: So much time goes into decoding at most, and no more than half of what the plan allows for the whole.
DECODE_SECONDS = 20.0
#: Where parts of a file are gone, a frame that lasts so many times longer than usual hides some that were lost.
LONGEST_STEP = 1.5


def read_video(fd: int, plan: DecodePlan) -> Clip:
    """1 to `plan.max_frames` frames, no edge over `plan.frame_edge`, chosen by `chosen_indices`. `fd` stays open.

    A file that breaks off gives the frames up to there. Raises ChangedError when somebody appends to it meanwhile,
    NotAllowedError, TooLargeError, UnreadableError, OutOfMemoryError.
    """
    format = sniff(os.pread(fd, HEAD_BYTES, 0))
    if format is None or not (format.kind is MediaKind.VIDEO or format.name == "heif"):  # of pictures in sequence
        raise NotAllowedError("Not a video that smolwatch knows.")
    began = time.monotonic()
    stop_at = began + min(DECODE_SECONDS, plan.seconds / 2)
    with border():
        size = os.fstat(fd).st_size
        check = partial(check_size, fd, size)
        film = partial(opened, fd, format, choose(fd, format, check))
        length = length_of(film, size, check, stop_at)
        view = View(film, format, plan, frozenset(faults_of(fd, format)), check, stop_at)
        try:
            return view.clip(length, view.threads, partial(give_up_early, (3 * began + stop_at) / 4))
        except DamageFound:
            return view.clip(length, 1, lambda: None)


class DamageFound(Exception):
    """Several threads do not mark all that is damaged, and not always the same: one alone shall decode it."""


def give_up_early(until: float) -> None:
    """After that moment there would be no time to begin anew."""
    if time.monotonic() < until:
        raise DamageFound


@dataclass(frozen=True)
class View:
    """How a film is looked at. `faults`: what its container says is missing. `stop_at`: monotonic seconds."""

    film: Opener
    format: Format
    plan: DecodePlan
    faults: frozenset[str]
    check: Check
    stop_at: float

    @property
    def threads(self) -> int:
        return 1 if self.plan.sparing or self.faults else THREADS

    def clip(self, length: Duration, threads: int, on_loss: Callable[[], None]) -> Clip:
        """What is seen; a second time where the film turns out to end before the plan's last frames."""
        seen, end, defects = self._look(length, threads, on_loss)
        if length.estimated and end is not None and end < length.seconds - 1 / length.rate:
            length = replace(length.ending(end), estimated=False)
            if time.monotonic() < self.stop_at:
                seen, _, defects = self._look(length, threads, on_loss)
        media = Media(
            kind=MediaKind.VIDEO,
            format=self.format.name,
            width=seen.width,
            height=seen.height,
            seconds=round(length.seconds, 6),
            frame_rate=round(length.rate, 3),
            frames_seen=len(seen.pictures),
        )
        return Clip(media=media, pictures=seen.pictures, timestamps=seen.timestamps, defects=defects)

    def _look(
        self, length: Duration, threads: int, on_loss: Callable[[], None]
    ) -> tuple[ConvertedFrame, float | None, tuple[str, ...]]:
        """The frames of the plan, when the last frame ended if the reel came to that, and what was damaged."""
        try:
            return self._read(length, threads, on_loss, leaps=True)
        except SeekMissedError:
            return self._read(length, threads, on_loss, leaps=False)

    def _read(
        self, length: Duration, threads: int, on_loss: Callable[[], None], leaps: bool
    ) -> tuple[ConvertedFrame, float | None, tuple[str, ...]]:
        plan = self.plan
        indices = chosen_indices(
            length.frames, length.rate, per_second=plan.frames_per_second, max_frames=plan.max_frames
        )
        wanted = [index / length.rate for index in indices]
        soundness = FrameChecks(LONGEST_STEP / length.rate if DAMAGED in self.faults else math.inf, on_loss)
        with self.film(threads=threads) as (container, stream):
            reel = FrameSeeker(
                container,
                stream,
                length=length,
                wanted=wanted,
                soundness=soundness,
                check=self.check,
                stop_at=self.stop_at,
                leaps=leaps,
            )
            appearance = appearance_of(stream, reel.opening(FRAMES_ASKED))
            seen = developed(judged_frames(reel.shots()), appearance, plan.frame_edge)
            return seen, reel.end, self._defects(soundness)

    def _defects(self, soundness: FrameChecks) -> tuple[str, ...]:
        """What was noticed while decoding, and what the container tells."""
        noticed = {DAMAGED} if soundness.is_damaged else {CUT_SHORT} if soundness.is_torn else set()
        return tuple(sorted(self.faults | noticed))


def judged_frames(shots: Iterator[SeekedFrame]) -> Iterator[SeekedFrame]:
    """The same shots; one that is too large is refused before it becomes pixels."""
    for shot in shots:
        check_frame(shot.frame.width, shot.frame.height)
        yield shot
