"""How long a video is, and how many of its frames are shown: by its table of frames, else by its packets."""

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
from daemon.media.video.packet_counter import DAY, Check, PacketCounts, agree, steady_rate

#: Opens the file from its beginning, each time anew; may be given how many `threads` decode.
Opener = Callable[..., AbstractContextManager[tuple[InputContainer, VideoStream]]]

#: So long are packets counted, once from the beginning and once at the end. What is left then is estimated.
COUNT_SECONDS = 1.0
#: The end is looked for from so far before it, as the last frames to be shown are not the last in the file.
TAIL_SECONDS, TAIL_FRAMES = 2.0, 16


@dataclass(frozen=True, kw_only=True)
class Duration:
    """`frames`: how many are shown; those outside the edits are not. `rate`: how many a second, on average.

    `jumps`: the clock starts anew in the middle, so that a time does not tell a place in the file. `even`: the frames
    are shown one after the other at that rate, and their times tell nothing. `estimated`: the end was not seen.
    """

    frames: int
    rate: float
    jumps: bool = False
    even: bool = False
    estimated: bool = False

    @property
    def seconds(self) -> float:
        """From the first shown frame to the end of the last."""
        return self.frames / self.rate

    def ending(self, seconds: float) -> Duration:
        """The same when the last frame turns out to end there."""
        return replace(self, frames=max(round(seconds * self.rate), 1))


def length_of(opened: Opener, size: int, check: Check, stop_at: float) -> Duration:
    """The length of a file of `size` bytes. Raises UnreadableError when there is no frame, and what `check` raises.

    Stated lengths are not asked for first: they count frames that are never shown, or the seconds before the first,
    or are those of a file that was cut off since.
    """
    with opened() as (container, stream):
        length = by_table(container, stream, size)
        if length is not None:
            return length
        return by_packets(container, stream, size, check, stop_at)


def by_table(container: InputContainer, stream: VideoStream, size: int) -> Duration | None:
    """By the table of all frames that MP4, MOV and AVI have; None when the file ends before, or it alone says so."""
    entries, rate = stream.index_entries, steady_rate(stream)
    if rate is None or len(entries) == 0 or not {"mov", "avi"} & set(container.format.name.split(",")):
        return None
    if entries[-1].pos + entries[-1].size > size:
        return None
    shown = len(entries) - sum(map(attrgetter("is_discard"), entries))
    if not (0 < shown <= DAY * rate and agree(shown / rate, seconds_stated(container, stream), rate)):
        return None
    # Where there are several edits, FFmpeg's times in all but the first are those of other frames.
    several = shown < len(entries) and any(later.timestamp < entry.timestamp for entry, later in pairwise(entries))
    return Duration(frames=shown, rate=rate, even=several)


def seconds_stated(container: InputContainer, stream: VideoStream) -> float:
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return (container.duration or 0) / av.time_base


def by_packets(container: InputContainer, stream: VideoStream, size: int, check: Check, stop_at: float) -> Duration:
    """By reading the packets of the shown frames and decoding none: all of them, or as many as time allows."""
    tally = PacketCounts(container, stream)
    whole = tally.read_on(check, min(time.monotonic() + COUNT_SECONDS, stop_at))
    if tally.packets == 0:
        raise UnreadableError("The video is damaged or incomplete: it holds no frames.")
    length = Duration(frames=tally.frames(), rate=tally.rate(), jumps=tally.clock.jumps)
    if whole:
        return length
    seconds = tally.estimate(seconds_stated(container, stream), size)
    if not length.jumps and math.isfinite(tally.first):
        seconds = end_found(container, stream, tally.first + seconds, check, stop_at) - tally.first
    return replace(length.ending(min(max(seconds, length.seconds), DAY)), estimated=True)


def end_found(container: InputContainer, stream: VideoStream, end: float, check: Check, stop_at: float) -> float:
    """When the last frame ends, on the stream's clock, by the packets from before the expected `end` on."""
    tail = PacketCounts(container, stream)
    try:
        container.seek(
            round((end - max(TAIL_SECONDS, TAIL_FRAMES * tail.step)) / float(stream.time_base or 1)), stream=stream
        )
    except av.FFmpegError:
        return end
    whole = tail.read_on(check, min(time.monotonic() + COUNT_SECONDS, stop_at))
    if tail.packets == 0:
        return end
    return tail.end if whole else max(end, tail.end)
