"""Videos: MP4, MOV, MKV, WebM and AVI as a few upright RGB frames with their times, through PyAV.

The stream is chosen and judged by `tracks`, decoded by `reel`; this module says what was seen.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial

import av
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream

from daemon.errors import NotAllowedError, UnreadableError
from daemon.media.clip import CUT_SHORT, DAMAGED, Clip, DecodePlan, Pixels
from daemon.media.containers import border
from daemon.media.frames import sample_indices, shrink
from daemon.media.kinds import HEAD_BYTES, Format, sniff
from daemon.media.opening import check_size
from daemon.media.reel import Reel, Shot
from daemon.media.soundness import Soundness
from daemon.media.tracks import check_frame, choose, opened
from daemon.media.wholeness import faults_of
from storage.records import Media, MediaKind

THREADS = 2
#: So much time goes into decoding at most, and no more than half of what the plan allows for the whole.
DECODE_SECONDS = 20.0
#: A stated length beyond this is not believed.
DAY = 86_400.0
#: Where parts of a file are gone, a frame that lasts so many times longer than usual hides some that were lost.
LONGEST_STEP = 1.5

#: Opens the file from its beginning, each time anew.
Opener = Callable[[], AbstractContextManager[tuple[InputContainer, VideoStream]]]


def read_video(fd: int, plan: DecodePlan) -> Clip:
    """1 to `plan.max_frames` frames, no edge over `plan.frame_edge`, by the stock sampling rule. `fd` stays open.

    A file that breaks off gives the frames up to there. Raises ChangedError when somebody appends to it meanwhile,
    NotAllowedError, TooLargeError, UnreadableError, OutOfMemoryError.
    """
    format = sniff(os.pread(fd, HEAD_BYTES, 0))
    if format is None or format.kind is not MediaKind.VIDEO:
        raise NotAllowedError("Not a video that smolwatch knows.")
    began = time.monotonic()
    stop_at = began + min(DECODE_SECONDS, plan.seconds / 2)
    with border():
        check = partial(check_size, fd, os.fstat(fd).st_size)
        film = partial(opened, fd, format, choose(fd, format, check))
        total, rate = length_of(film, check, stop_at)
        indices = sample_indices(total, rate, per_second=plan.frames_per_second, max_frames=plan.max_frames)
        faults = faults_of(fd, format)

        def seen(threads: int, on_loss: Callable[[], None]) -> Clip:
            soundness = Soundness(LONGEST_STEP / rate if DAMAGED in faults else math.inf, on_loss)
            with film(threads=threads) as (container, stream):
                reel = Reel(container, stream, rate=rate, soundness=soundness, check=check, stop_at=stop_at)
                clip = developed(reel.shots([index / rate for index in indices]), format, plan, total, rate)
            return replace(clip, defects=defects_of(soundness, faults))

        try:
            return seen(1 if plan.sparing or faults else THREADS, partial(give_up_early, (3 * began + stop_at) / 4))
        except DamageMet:
            return seen(1, lambda: None)


class DamageMet(Exception):
    """Several threads do not mark all that is damaged, and not always the same: one alone shall decode it."""


def give_up_early(until: float) -> None:
    """After that moment there would be no time to begin anew."""
    if time.monotonic() < until:
        raise DamageMet


def defects_of(soundness: Soundness, faults: set[str]) -> tuple[str, ...]:
    """What was noticed while decoding, and what the container tells."""
    seen = {DAMAGED} if soundness.is_damaged else {CUT_SHORT} if soundness.is_torn else set()
    return tuple(sorted(faults | seen))


def developed(shots: Iterator[Shot], format: Format, plan: DecodePlan, total: int, rate: float) -> Clip:
    """The shots as pixels. Each is shrunk before the next is decoded, so that memory stays small."""
    pictures: list[Pixels] = []
    timestamps: list[float] = []
    width = height = 0
    for shot in shots:
        check_frame(shot.frame.width, shot.frame.height)
        pixels = upright(shot)
        if not pictures:
            height, width = pixels.shape[:2]
        pictures.append(np.ascontiguousarray(shrink(pixels, plan.frame_edge)))
        timestamps.append(shot.at)
    if not pictures:
        raise UnreadableError("The video is damaged or incomplete: no frame of it can be decoded.")
    media = Media(
        kind=MediaKind.VIDEO,
        format=format.name,
        width=width,
        height=height,
        seconds=round(total / rate, 6),
        frame_rate=round(rate, 3),
        frames_seen=len(pictures),
    )
    return Clip(media=media, pictures=tuple(pictures), timestamps=tuple(timestamps))


def upright(shot: Shot) -> Pixels:
    """Turned as the file's display matrix says; both it and numpy count counter-clockwise."""
    pixels: Pixels = np.rot90(shot.frame.to_ndarray(format="rgb24"), round(shot.frame.rotation / 90))
    return pixels


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
