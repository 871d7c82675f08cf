"""Duration of a video and the number of displayed frames: from its frame index, else from its packets."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from itertools import pairwise
from operator import attrgetter

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from daemon.errors import UnreadableError
from daemon.media.video.packet_counter import MAX_SECONDS, Check, PacketCounter, lengths_match, steady_rate

#: Opens the file from its beginning; takes the number of decoding `threads`.
OpenTrack = Callable[..., AbstractContextManager[tuple[InputContainer, VideoStream]]]

#: Time limit for counting packets, once from the beginning and once at the end. The rest is estimated.
COUNT_SECONDS = 1.0
#: Counting at the end starts this far before it, because the last displayed frames are not the last in the file.
TAIL_SECONDS, TAIL_FRAMES = 2.0, 16


@dataclass(frozen=True, kw_only=True)
class Duration:
    """`frames`: how many are displayed, without those outside the edit list. `rate`: per second, on average.

    `jumps`: the clock restarts in the middle, so that timestamps cannot be used for seeking. `constant_rate`: frames
    follow each other at `rate`, and their timestamps are ignored. `estimated`: the end of the file was not reached.
    """

    frames: int
    rate: float
    jumps: bool = False
    constant_rate: bool = False
    estimated: bool = False

    @property
    def seconds(self) -> float:
        """From the first displayed frame to the end of the last."""
        return self.frames / self.rate

    def ending_at(self, seconds: float) -> Duration:
        """The same, with the last frame ending at `seconds`."""
        return replace(self, frames=max(round(seconds * self.rate), 1))


def measure(open_track: OpenTrack, size: int, check: Check, stop_at: float) -> Duration:
    """The duration of a file of `size` bytes. Raises UnreadableError if it has no frame, and what `check` raises.

    Stated durations are not used first: they include frames that are never displayed, or the time before the first
    frame, or describe a file that was truncated later.
    """
    with open_track() as (container, stream):
        duration = measure_by_table(container, stream, size)
        if duration is not None:
            return duration
        return measure_by_packets(container, stream, size, check, stop_at)


def measure_by_table(container: InputContainer, stream: VideoStream, size: int) -> Duration | None:
    """From the frame index of MP4, MOV and AVI; None if the file ends before it does, or nothing else confirms it."""
    entries, rate = stream.index_entries, steady_rate(stream)
    if rate is None or len(entries) == 0 or not {"mov", "avi"} & set(container.format.name.split(",")):
        return None
    if entries[-1].pos + entries[-1].size > size:
        return None
    shown = len(entries) - sum(map(attrgetter("is_discard"), entries))
    if not (0 < shown <= MAX_SECONDS * rate and lengths_match(shown / rate, stated_seconds(container, stream), rate)):
        return None
    # With several edits, FFmpeg's timestamps in all but the first belong to other frames.
    has_edits = shown < len(entries) and any(later.timestamp < entry.timestamp for entry, later in pairwise(entries))
    return Duration(frames=shown, rate=rate, constant_rate=has_edits)


def stated_seconds(container: InputContainer, stream: VideoStream) -> float:
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return (container.duration or 0) / av.time_base


def measure_by_packets(
    container: InputContainer, stream: VideoStream, size: int, check: Check, stop_at: float
) -> Duration:
    """From the packets of displayed frames, without decoding: all of them, or as many as time allows."""
    counts = PacketCounter(container, stream)
    reached_end = counts.read_packets(check, min(time.monotonic() + COUNT_SECONDS, stop_at))
    if counts.packets == 0:
        raise UnreadableError("The video is damaged or incomplete: it contains no frames.")
    duration = Duration(frames=counts.frames(), rate=counts.rate(), jumps=counts.clock.jumps)
    if reached_end:
        return duration
    seconds = counts.estimate(stated_seconds(container, stream), size)
    if not duration.jumps and math.isfinite(counts.first):
        seconds = find_end(container, stream, counts.first + seconds, check, stop_at) - counts.first
    return replace(duration.ending_at(min(max(seconds, duration.seconds), MAX_SECONDS)), estimated=True)


def find_end(container: InputContainer, stream: VideoStream, end: float, check: Check, stop_at: float) -> float:
    """When the last frame ends, on the stream's clock; from the packets around the expected `end`."""
    tail = PacketCounter(container, stream)
    try:
        container.seek(
            round((end - max(TAIL_SECONDS, TAIL_FRAMES * tail.step)) / float(stream.time_base or 1)), stream=stream
        )
    except av.FFmpegError:
        return end
    reached_end = tail.read_packets(check, min(time.monotonic() + COUNT_SECONDS, stop_at))
    if tail.packets == 0:
        return end
    return tail.end if reached_end else max(end, tail.end)
