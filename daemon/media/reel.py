"""Finding the wanted frames of a video with little decoding: forward, leaping to key frames where that skips work."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from daemon.media.soundness import Soundness

#: A leap costs the decoder a fresh start; it must skip at least this many frames to be worth it.
WORTH_FRAMES = 8
#: After so many decoded pixels (80 seconds of 1080p at 60 a second), or half the time, only key frames are decoded.
HURRY_PIXELS = 10_000_000_000
MAX_FAILED_LEAPS = 3
#: Beyond so many reads that fail one after the other, the rest of the file is given up.
MAX_FAILED_READS = 8


@dataclass(frozen=True)
class Shot:
    """A decoded frame; `at` is in seconds from the stream's start."""

    at: float
    frame: VideoFrame


class Reel:
    """One pass over a stream that stands at its beginning. `soundness` is told of all damage, and judges the frames.

    `rate`: frames a second; `check` is called before every read and may raise; `stop_at`: monotonic seconds.
    """

    def __init__(
        self,
        container: InputContainer,
        stream: VideoStream,
        *,
        rate: float,
        soundness: Soundness,
        check: Callable[[], None],
        stop_at: float,
    ) -> None:
        self._container = container
        self._stream = stream
        self._tick = float(stream.time_base or 0)
        self._step = 1 / rate
        self._soundness = soundness
        self._check = check
        self._stop_at = stop_at
        self._hurry_at = (time.monotonic() + stop_at) / 2
        self._start = None if stream.start_time is None else stream.start_time * self._tick
        self._decoded_pixels = 0
        self._failed_leaps = 0
        self._before: Shot | None = None
        self._now: Shot | None = None
        self._coming = self._decode()

    def shots(self, wanted: Sequence[float]) -> Iterator[Shot]:
        """For each of the wanted times, rising, the frame nearest to it, once.

        A frame within half a step of its time carries the time that was asked for, which is the stock rule's
        index / rate to the last digit; any other carries its own. Times past the file's end get its last frame.
        """
        if len(wanted) > 1 and wanted[1] - wanted[0] > WORTH_FRAMES * self._step:
            self._load_index()
        taken = float("-inf")
        for at in wanted:
            shot = self._nearest(at)
            if shot is None:
                return
            if shot.at > taken:
                taken = shot.at
                near = abs(shot.at - at) <= self._step / 2
                yield Shot(at if near else max(shot.at, 0.0), shot.frame)

    def _nearest(self, at: float) -> Shot | None:
        """None when nothing can be decoded."""
        self._leap(at)
        while self._now is None or self._now.at < at:
            following = next(self._coming, None)
            if following is None:
                return self._now or self._before
            self._before, self._now = self._now, following
        if self._before is not None and at - self._before.at < self._now.at - at:
            return self._before
        return self._now

    def _leap(self, at: float) -> None:
        """Go on from the last key frame at or before `at`, if that lies well ahead of where the reel stands."""
        if self._now is None or self._failed_leaps >= MAX_FAILED_LEAPS or self._tick <= 0:
            return
        if time.monotonic() > self._stop_at:
            return
        goal = round((at + (self._start or 0.0)) / self._tick) - self._reordering()
        entries = self._stream.index_entries
        found = entries.search_timestamp(goal)
        if found < 0:
            return
        key = entries[found].timestamp * self._tick - (self._start or 0.0)
        if key - self._now.at > WORTH_FRAMES * self._step and self._seek(goal):
            self._coming = self._decode()

    def _reordering(self) -> int:
        """By how much a key frame's entry may precede its picture: MP4 lists when to decode, not when to show."""
        entries, start = self._stream.index_entries, self._stream.start_time
        return 0 if start is None or len(entries) == 0 else max(0, start - entries[0].timestamp)

    def _load_index(self) -> None:
        """Matroska reads its table of key frames at the first seek only. Others may not find back to the beginning."""
        if self._stream.start_time is not None and self._container.format.name.startswith("matroska"):
            self._seek(self._stream.start_time)

    def _seek(self, timestamp: int) -> bool:
        self._check()
        try:
            self._container.seek(timestamp, stream=self._stream, backward=True)
        except av.FFmpegError:
            self._failed_leaps += 1
            return False
        self._soundness.leap()
        return True

    def _decode(self) -> Iterator[Shot]:
        """Shots from here to the end, to the first place that cannot be read at all, or until the time is up.

        One frame is waited for in any case: how long is for the decoder's parent to judge.
        """
        for packet in self._packets():
            try:
                frames = packet.decode()
            except av.FFmpegError:  # one damaged packet; the next key frame may be whole
                self._soundness.lose()
                continue
            for frame in frames:
                if isinstance(frame, VideoFrame):
                    shot = self._shot(frame)
                    if self._soundness.passes(shot.at, is_key=frame.key_frame, is_corrupt=frame.is_corrupt):
                        yield shot
            if self._decoded_pixels and time.monotonic() > self._stop_at:
                return
            self._hurry_if_late()

    def _packets(self) -> Iterator[Packet[VideoStream]]:
        """To the end, or to a torn tail: what came before it counts. Damage on the way is left behind."""
        failed, newest = 0, -math.inf
        while failed <= MAX_FAILED_READS:
            try:
                for packet in self._container.demux(self._stream):
                    self._check()
                    if failed and packet.size:
                        self._soundness.lose()
                        failed = 0
                    newest = max(newest, -math.inf if packet.pts is None else packet.pts * self._tick)
                    if packet.is_corrupt:  # it, or the one behind it
                        self._soundness.suspect(newest - (self._start or 0.0) + 1.5 * self._step)
                    yield packet
                return
            except av.FFmpegError:
                failed += 1

    def _shot(self, frame: VideoFrame) -> Shot:
        self._decoded_pixels += frame.width * frame.height
        if frame.pts is None or frame.time_base is None:
            return Shot(0.0 if self._now is None else self._now.at + self._step, frame)
        at = frame.pts * float(frame.time_base)
        if self._start is None:
            self._start = at
        return Shot(at - self._start, frame)

    def _hurry_if_late(self) -> None:
        if self._decoded_pixels > HURRY_PIXELS or time.monotonic() > self._hurry_at:
            self._stream.codec_context.skip_frame = "NONKEY"
