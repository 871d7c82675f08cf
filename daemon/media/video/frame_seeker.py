"""Decodes the frames at given timestamps with little work: forward, with seeks to key frames where that saves work."""

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

#: A seek must skip at least this many frames, because it restarts the decoder.
MIN_SKIPPED_FRAMES = 8
#: Without an index of key frames, a seek goes this many seconds before the target, and more after a miss.
MARGIN_SECONDS, MAX_MARGIN_SECONDS = 2.0, 30.0
#: Such a seek must skip at least this many margins.
MIN_SKIPPED_MARGINS = 3
#: After so many decoded pixels (80 seconds of 1080p at 60 a second), or half the time, only key frames are decoded.
MAX_FULL_DECODE_PIXELS = 10_000_000_000
MAX_FAILED_SEEKS = 3
#: FFmpeg's own decoders of these ignore the alpha channel; those of libvpx decode it.
ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


@dataclass(frozen=True)
class SeekedFrame:
    """A decoded frame; `at` is in seconds from the first frame."""

    at: float
    frame: VideoFrame


class SeekMissedError(Exception):
    """The index lists a key frame where there is none; the frames after it cannot be decoded correctly."""


class FrameSeeker:
    """One pass over a stream, from its beginning, for the frames at `timestamps` (ascending, in seconds).

    `frame_checks` records damage and accepts or rejects frames. `check` is called before every read and may raise;
    `stop_at`: monotonic seconds. Without `seeks`, every frame up to the last timestamp is decoded. Raises
    SeekMissedError if the index is wrong: read the stream again without seeks.
    """

    def __init__(
        self,
        container: InputContainer,
        stream: VideoStream,
        *,
        duration: Duration,
        timestamps: Sequence[float],
        frame_checks: FrameChecks,
        check: Check,
        stop_at: float,
        seeks: bool = True,
    ) -> None:
        self._container = container
        self._stream = stream
        self._decoder = decoder_of(stream)
        self._tick = float(stream.time_base or 0)
        self._step = 1 / duration.rate
        self._timestamps = timestamps
        self._frame_checks = frame_checks
        self._clock = JoinedClock(container, self._step)
        self._check = check
        self._stop_at = stop_at
        self._keyframes_only_at = (time.monotonic() + stop_at) / 2
        self._keyframes_only = False
        self._start: float | None = None
        self._decoded_pixels = 0
        self._constant_rate = duration.constant_rate
        formats = container.format.name.split(",")
        self._lacks_pts = "avi" in formats  # AVI stores the order of frames, not their presentation times
        can_seek = seeks and not (duration.jumps or duration.constant_rate) and self._tick > 0
        self._failed_seeks = 0 if can_seek else MAX_FAILED_SEEKS
        self._margin = MARGIN_SECONDS
        self._previous: SeekedFrame | None = None
        self._current: SeekedFrame | None = None
        self._latest = -self._step
        self._ended = False
        self._has_index = self._load_index()
        self._upcoming: Iterator[SeekedFrame] = self._decode()

    @property
    def end(self) -> float | None:
        """End of the last frame, in seconds from the first; None if the end was not reached."""
        return self._latest + self._step if self._ended and not self._keyframes_only else None

    def first_frames(self, count: int) -> list[VideoFrame]:
        """The first `count` frames, independent of the timestamps."""
        frames = list(islice(self._upcoming, count))
        self._upcoming = chain(frames, self._upcoming)
        return [seeked.frame for seeked in frames]

    def sampled_frames(self) -> Iterator[SeekedFrame]:
        """The frame nearest to each timestamp, each frame once.

        A frame within half a frame duration of its timestamp gets exactly that timestamp, the stock rule's
        index / rate; any other keeps its own. For timestamps past the end, the last frame.
        """
        last_at = float("-inf")
        for at in self._timestamps:
            seeked = self._nearest(at)
            if seeked is None:
                return
            if seeked.at > last_at:
                last_at = seeked.at
                near = abs(seeked.at - at) <= self._step / 2
                yield SeekedFrame(at if near else max(seeked.at, 0.0), seeked.frame)

    def _nearest(self, at: float) -> SeekedFrame | None:
        """None if no frame can be decoded."""
        self._seek_ahead(at)
        while self._current is None or self._current.at < at:
            following = next(self._upcoming, None)
            if following is None:
                return self._current or self._previous
            self._previous, self._current = self._current, following
        if self._previous is not None and at - self._previous.at < self._current.at - at:
            return self._previous
        return self._current

    def _seek_ahead(self, at: float) -> None:
        """Seek to a key frame before `at`, if it is far enough ahead of the current frame."""
        if self._current is None or self._failed_seeks >= MAX_FAILED_SEEKS or time.monotonic() > self._stop_at:
            return
        if self._has_index:
            self._seek_by_index(at, self._current.at)
        elif at - self._current.at > MIN_SKIPPED_MARGINS * self._margin:
            self._seek_by_time(at, self._current.at)

    def _seek_by_index(self, at: float, here: float) -> None:
        target = self._ticks(at) - self._reorder_ticks()
        entries = self._stream.index_entries
        found = entries.search_timestamp(target)
        if found < 0:
            return
        key = entries[found].timestamp * self._tick - (self._start or 0.0)
        if key - here > MIN_SKIPPED_FRAMES * self._step and self._seek(target):
            upcoming = self._decode()
            first = next(upcoming, None)
            if first is None or first.at > at + self._step or not first.frame.key_frame:
                raise SeekMissedError
            self._upcoming = chain((first,), upcoming)

    def _seek_by_time(self, at: float, here: float) -> None:
        """Without an index, the decoder starts at the next key frame after the seek target.

        If that frame is too late, the margin is doubled, for all later seeks too.
        """
        while self._seek(self._ticks(at - self._margin)):
            upcoming = self._decode()
            first = next(upcoming, None)
            self._upcoming = upcoming if first is None else chain((first,), upcoming)
            if first is None or first.at <= here:
                self._failed_seeks += 1
            elif first.at > at + self._step / 2 and self._margin < MAX_MARGIN_SECONDS and at - 2 * self._margin > here:
                self._margin *= 2
                continue
            return

    def _ticks(self, at: float) -> int:
        return round((at + (self._start or 0.0)) / self._tick)

    def _reorder_ticks(self) -> int:
        """How far a key frame's index entry may precede its frame: MP4 lists decoding times, not presentation times."""
        entries = self._stream.index_entries
        if entries[0].is_discard:  # cut off before the first displayed frame
            return round((self._stream.codec_context.reorder_depth + 1) * self._step / self._tick)
        return max(0, self._ticks(0) - entries[0].timestamp)

    def _load_index(self) -> bool:
        """Whether the container has an index of the whole video, not only of the part that was read so far.

        Matroska loads its index at the first seek.
        """
        names, start = set(self._container.format.name.split(",")), self._stream.start_time
        far_apart = (
            len(self._timestamps) > 1 and self._timestamps[1] - self._timestamps[0] > MIN_SKIPPED_FRAMES * self._step
        )
        if "matroska" in names and far_apart and start is not None:
            self._seek(start)
        entries = self._stream.index_entries
        if not names & {"mov", "matroska", "avi"} or len(entries) == 0:
            return False
        return (entries[-1].timestamp - (start or 0)) * self._tick >= self._timestamps[-1] / 2

    def _seek(self, timestamp: int) -> bool:
        self._check()
        try:
            self._container.seek(timestamp, stream=self._stream, backward=True)
        except av.FFmpegError:
            self._failed_seeks += 1
            return False
        self._decoder.flush_buffers()
        self._clock.reset_after_seek()
        self._frame_checks.reset_after_seek()
        return True

    def _decode(self) -> Iterator[SeekedFrame]:
        """Frames from here to the end, to the first unreadable place, or to the time limit.

        The first frame has no time limit here; the decoder's parent enforces one.
        """
        for packet in self._packets():
            try:
                frames = self._decoder.decode(packet)
            except av.FFmpegError:  # one damaged packet; the next key frame may be intact
                self._frame_checks.record_loss()
                continue
            for frame in frames:
                seeked = self._timed(frame)
                if self._frame_checks.accepts(seeked.at, is_key=frame.key_frame, is_corrupt=frame.is_corrupt):
                    yield seeked
            if self._decoded_pixels:
                if time.monotonic() > self._stop_at:
                    return
                self._skip_frames_if_late()
        self._ended = True

    def _packets(self) -> Iterator[Packet[VideoStream]]:
        newest = -math.inf
        for packet in packets_of(self._container, self._stream, on_loss=self._frame_checks.record_loss):
            self._check()
            if packet.pts is not None:
                newest = max(newest, packet.pts * self._tick)
            if packet.is_corrupt:  # this packet or the next one
                behind = newest + self._clock.offset - (self._start or 0.0)
                self._frame_checks.suspect_after(behind + 1.5 * self._step)
            if packet.is_keyframe or not packet.size or not self._keyframes_only:
                yield packet

    def _timed(self, frame: VideoFrame) -> SeekedFrame:
        self._decoded_pixels += frame.width * frame.height
        ticks = frame.dts if frame.pts is None or self._lacks_pts else frame.pts
        if ticks is None or self._constant_rate:
            self._latest += self._step
            return SeekedFrame(self._latest, frame)
        at = self._clock.read(ticks * self._tick)
        if self._start is None:
            self._start = at
        self._latest = at - self._start
        return SeekedFrame(self._latest, frame)

    def _skip_frames_if_late(self) -> None:
        if self._decoded_pixels > MAX_FULL_DECODE_PIXELS or time.monotonic() > self._keyframes_only_at:
            self._keyframes_only = True
            self._decoder.skip_frame = "NONKEY"


def decoder_of(stream: VideoStream) -> VideoCodecContext:
    """The stream's own decoder, or one that also decodes the alpha channel."""
    default = stream.codec_context
    if stream.metadata.get("alpha_mode") != "1" or default.name not in ALPHA_DECODERS:
        return default
    decoder = CodecContext.create(ALPHA_DECODERS[default.name], "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.options = default.options
    decoder.thread_count = default.thread_count
    return decoder
