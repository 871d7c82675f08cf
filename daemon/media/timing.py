"""How long a video is, and how many frames it has: as stated where that can be believed, else counted."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from daemon.errors import UnreadableError

#: Opens the file from its beginning, each time anew.
Opener = Callable[[], AbstractContextManager[tuple[InputContainer, VideoStream]]]

#: A stated length beyond this is not believed.
DAY = 86_400.0


def length_of(opened: Opener, check: Callable[[], None], stop_at: float) -> tuple[int, float]:
    """How many frames there are, and how many a second: as stated where that can be believed, else counted."""
    with opened() as (container, stream):
        average, usual = float(stream.average_rate or 0), float(stream.guessed_rate or 0)
        seconds = seconds_stated(container, stream)
        total = stream.frames or round(seconds * average)
        steady = average > 0 and abs(average - usual) <= 0.02 * average
        if steady and 1 <= total <= DAY * average:
            return total, average
    with opened() as (container, stream):
        return counted(container, stream, check, stop_at)


def seconds_stated(container: InputContainer, stream: VideoStream) -> float:
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return (container.duration or 0) / av.time_base


def counted(
    container: InputContainer, stream: VideoStream, check: Callable[[], None], stop_at: float
) -> tuple[int, float]:
    """The same by reading every packet and decoding none: for streams of no stated length or of changing rate."""
    count, first, end = 0, float("inf"), float("-inf")
    for packet in container.demux(stream):
        check()
        if packet.size == 0 or time.monotonic() > stop_at:
            break
        count += 1
        if packet.pts is not None:
            first = min(first, float(packet.pts * packet.time_base))
            end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    if count == 0:
        raise UnreadableError("The video is damaged or incomplete: it holds no frames.")
    if 0 < end - first <= DAY:
        return count, count / (end - first)
    return count, float(stream.average_rate or stream.guessed_rate or 1)
