"""Finding the wanted frames of a video with little decoding: forward, leaping to key frames where that skips work."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

import av
from av.codec.context import CodecContext
from av.container import InputContainer
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from daemon.media.video.duration import Duration
from daemon.media.video.frame_checks import FrameChecks
from daemon.media.video.packet_counter import Check, JoinedClock
from daemon.media.video.packets import packets_of

#: A leap costs the decoder a fresh start; it must skip at least this many frames to be worth it.
WORTH_FRAMES = 8
#: Where no table lists the key frames, a leap goes to so many seconds before the wanted time, and then to more.
MARGIN_SECONDS, MOST_MARGIN_SECONDS = 2.0, 30.0
#: Such a leap must go at least so many margins forward to be worth it.
WORTH_MARGINS = 3
#: After so many decoded pixels (80 seconds of 1080p at 60 a second), or half the time, only key frames are decoded.
HURRY_PIXELS = 10_000_000_000
MAX_FAILED_LEAPS = 3
#: FFmpeg's own decoders of these leave out what is transparent; those of libvpx do not.
SEE_THROUGH = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


@dataclass(frozen=True)
class SeekedFrame:
    """A decoded frame; `at` is in seconds from the first frame."""

    at: float
    frame: VideoFrame


class SeekMissedError(Exception):
    """Where the container's table has a key frame there is none: what follows cannot be decoded, or not truly."""


class FrameSeeker:
    """One pass over a stream that stands at its beginning, for the frames at the `wanted` times (seconds, rising).

    `soundness` takes note of all damage, and judges the frames.

    `check` is called before every read and may raise; `stop_at`: monotonic seconds. Without `leaps`, every frame up to
    the last wanted one is decoded. Raises SeekMissedError: then the table is wrong, and the reel is to be read again
    without leaps.
    """

    def __init__(
        self,
        container: InputContainer,
        stream: VideoStream,
        *,
        length: Duration,
        wanted: Sequence[float],
        soundness: FrameChecks,
        check: Check,
        stop_at: float,
        leaps: bool = True,
    ) -> None:
        self._container = container
        self._stream = stream
        self._decoder = decoder_of(stream)
        self._tick = float(stream.time_base or 0)
        self._step = 1 / length.rate
        self._wanted = wanted
        self._soundness = soundness
        self._clock = JoinedClock(container, self._step)
        self._check = check
        self._stop_at = stop_at
        self._hurry_at = (time.monotonic() + stop_at) / 2
        self._in_hurry = False
        self._start: float | None = None
        self._decoded_pixels = 0
        self._even = length.even
        self._undated = "avi" in container.format.name.split(
            ","
        )  # it stores frames in order, and not when to show them
        can_leap = leaps and not (length.jumps or length.even) and self._tick > 0
        self._failed_leaps = 0 if can_leap else MAX_FAILED_LEAPS
        self._margin = MARGIN_SECONDS
        self._before: SeekedFrame | None = None
        self._now: SeekedFrame | None = None
        self._latest = -self._step
        self._ended = False
        self._listed = self._load_table()
        self._coming: Iterator[SeekedFrame] = self._decode()

    @property
    def end(self) -> float | None:
        """When the last frame ended, in seconds from the first; None if the reel was not seen to its end."""
        return self._latest + self._step if self._ended and not self._in_hurry else None

    def opening(self, count: int) -> list[VideoFrame]:
        """The first frames, whatever is wanted."""
        shots = list(islice(self._coming, count))
        self._coming = chain(shots, self._coming)
        return [shot.frame for shot in shots]

    def shots(self) -> Iterator[SeekedFrame]:
        """For each of the wanted times the frame nearest to it, once.

        A frame within half a step of its time carries the time that was asked for, which is the stock rule's
        index / rate to the last digit; any other carries its own. Times past the file's end get its last frame.
        """
        taken = float("-inf")
        for at in self._wanted:
            shot = self._nearest(at)
            if shot is None:
                return
            if shot.at > taken:
                taken = shot.at
                near = abs(shot.at - at) <= self._step / 2
                yield SeekedFrame(at if near else max(shot.at, 0.0), shot.frame)

    def _nearest(self, at: float) -> SeekedFrame | None:
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
        """Go on from a key frame before `at`, if one lies well ahead of where the reel stands."""
        if self._now is None or self._failed_leaps >= MAX_FAILED_LEAPS or time.monotonic() > self._stop_at:
            return
        if self._listed:
            self._leap_by_table(at, self._now.at)
        elif at - self._now.at > WORTH_MARGINS * self._margin:
            self._leap_by_time(at, self._now.at)

    def _leap_by_table(self, at: float, here: float) -> None:
        goal = self._ticks(at) - self._reordering()
        entries = self._stream.index_entries
        found = entries.search_timestamp(goal)
        if found < 0:
            return
        key = entries[found].timestamp * self._tick - (self._start or 0.0)
        if key - here > WORTH_FRAMES * self._step and self._seek(goal):
            coming = self._decode()
            landed = next(coming, None)
            if landed is None or landed.at > at + self._step or not landed.frame.key_frame:
                raise SeekMissedError
            self._coming = chain((landed,), coming)

    def _leap_by_time(self, at: float, here: float) -> None:
        """Where no table tells the key frames, the decoder finds the next one behind the place that is leapt to.

        When that one is too late, it is leapt to a place before; from then on always.
        """
        while self._seek(self._ticks(at - self._margin)):
            coming = self._decode()
            landed = next(coming, None)
            self._coming = coming if landed is None else chain((landed,), coming)
            if landed is None or landed.at <= here:
                self._failed_leaps += 1
            elif (
                landed.at > at + self._step / 2 and self._margin < MOST_MARGIN_SECONDS and at - 2 * self._margin > here
            ):
                self._margin *= 2
                continue
            return

    def _ticks(self, at: float) -> int:
        return round((at + (self._start or 0.0)) / self._tick)

    def _reordering(self) -> int:
        """By how much a key frame's entry may precede its picture: MP4 lists when to decode, not when to show."""
        entries = self._stream.index_entries
        if entries[0].is_discard:  # of what is cut off before the first shown frame
            return round((self._stream.codec_context.reorder_depth + 1) * self._step / self._tick)
        return max(0, self._ticks(0) - entries[0].timestamp)

    def _load_table(self) -> bool:
        """Whether the container lists the key frames of the whole film, and not only of what was read of it so far.

        Matroska reads its table at the first seek only.
        """
        names, start = set(self._container.format.name.split(",")), self._stream.start_time
        far_apart = len(self._wanted) > 1 and self._wanted[1] - self._wanted[0] > WORTH_FRAMES * self._step
        if "matroska" in names and far_apart and start is not None:
            self._seek(start)
        entries = self._stream.index_entries
        if not names & {"mov", "matroska", "avi"} or len(entries) == 0:
            return False
        return (entries[-1].timestamp - (start or 0)) * self._tick >= self._wanted[-1] / 2

    def _seek(self, timestamp: int) -> bool:
        self._check()
        try:
            self._container.seek(timestamp, stream=self._stream, backward=True)
        except av.FFmpegError:
            self._failed_leaps += 1
            return False
        self._decoder.flush_buffers()
        self._clock.leap()
        self._soundness.leap()
        return True

    def _decode(self) -> Iterator[SeekedFrame]:
        """Shots from here to the end, to the first place that cannot be read at all, or until the time is up.

        One frame is waited for in any case: how long is for the decoder's parent to judge.
        """
        for packet in self._packets():
            try:
                frames = self._decoder.decode(packet)
            except av.FFmpegError:  # one damaged packet; the next key frame may be whole
                self._soundness.lose()
                continue
            for frame in frames:
                shot = self._shot(frame)
                if self._soundness.passes(shot.at, is_key=frame.key_frame, is_corrupt=frame.is_corrupt):
                    yield shot
            if self._decoded_pixels:
                if time.monotonic() > self._stop_at:
                    return
                self._hurry_if_late()
        self._ended = True

    def _packets(self) -> Iterator[Packet[VideoStream]]:
        newest = -math.inf
        for packet in packets_of(self._container, self._stream, on_loss=self._soundness.lose):
            self._check()
            if packet.pts is not None:
                newest = max(newest, packet.pts * self._tick)
            if packet.is_corrupt:  # it, or the one behind it
                behind = newest + self._clock.offset - (self._start or 0.0)
                self._soundness.suspect(behind + 1.5 * self._step)
            if packet.is_keyframe or not packet.size or not self._in_hurry:
                yield packet

    def _shot(self, frame: VideoFrame) -> SeekedFrame:
        self._decoded_pixels += frame.width * frame.height
        ticks = frame.dts if frame.pts is None or self._undated else frame.pts
        if ticks is None or self._even:
            self._latest += self._step
            return SeekedFrame(self._latest, frame)
        at = self._clock.read(ticks * self._tick)
        if self._start is None:
            self._start = at
        self._latest = at - self._start
        return SeekedFrame(self._latest, frame)

    def _hurry_if_late(self) -> None:
        if self._decoded_pixels > HURRY_PIXELS or time.monotonic() > self._hurry_at:
            self._in_hurry = True
            self._decoder.skip_frame = "NONKEY"


def decoder_of(stream: VideoStream) -> VideoCodecContext:
    """The stream's own decoder, or one that also decodes what is transparent."""
    usual = stream.codec_context
    if stream.metadata.get("alpha_mode") != "1" or usual.name not in SEE_THROUGH:
        return usual
    decoder = CodecContext.create(SEE_THROUGH[usual.name], "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.options = usual.options
    decoder.thread_count = usual.thread_count
    return decoder
