"""Selects the video stream of a file: a default one first, then the one with most frames and pixels."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from av.container import InputContainer
from av.stream import Discard, Disposition, Stream
from av.video.stream import VideoStream

from config.safe_text import safe_text
from daemon.errors import MediaError, NotAllowedError, TooLargeError, UnreadableError
from daemon.media.sniff import Format
from daemon.media.video.completeness import faults_of
from daemon.media.video.containers import CODEC_OPTIONS, CODECS, DAMAGED_MESSAGE, MAX_PIXELS, open_container
from daemon.media.video.packets import packets_of
from daemon.media.video.protection import check_protection

#: Still pictures in addition to the video: a cover, and chapter thumbnails.
ATTACHED = Disposition.attached_pic | Disposition.timed_thumbnails
#: Limits for counting frames, if a container does not state how many its tracks have.
MAX_COUNTED_FRAMES = 300
MAX_COUNT_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True)
class Track:
    """A video stream. `frames` is None if unknown; `pixels`: of one frame."""

    index: int
    is_known: bool
    is_default: bool
    pixels: int
    frames: int | None


def select_track(fd: int, format: Format, check: Callable[[], None]) -> int:
    """The index of the stream to describe. `check` is called before every read and may raise.

    Raises NotAllowedError if there is no video or it is protected, UnreadableError if the file has no streams.
    """
    with open_container(fd, format) as container:
        tracks = list_tracks(container)
        has_sound = bool(container.streams.audio)
        if any(track.frames is None for track in tracks) and (has_sound or len(tracks) > 1):
            tracks = count_frames(container, tracks, check)
        best = best_track(tracks, has_sound)
        check_protection(fd, format, container, None if best is None else video_stream(container, best.index))
        if (best is None or not best.is_known) and faults_of(fd, format):
            raise UnreadableError(DAMAGED_MESSAGE, detail="the headers that describe the video are missing")
        if best is None:
            raise no_video_error(container)
        return best.index


def list_tracks(container: InputContainer) -> list[Track]:
    return [
        Track(
            index=stream.index,
            is_known=stream.codec_context is not None and stream.codec_context.name in CODECS,
            is_default=bool(stream.disposition & Disposition.default),
            pixels=stream.codec_context.width * stream.codec_context.height if stream.codec_context else 0,
            frames=stream.frames or None,
        )
        for stream in container.streams.video
        if not stream.disposition & ATTACHED
    ]


def best_track(tracks: Sequence[Track], has_sound: bool) -> Track | None:
    """None if there is no video. A single frame with sound is a cover: songs may have it as a track. Pure."""
    candidates = [track for track in tracks if not (has_sound and track.frames == 1)]
    max_frames = max((track.frames or 0 for track in candidates), default=0)

    def rank(track: Track) -> tuple[bool, bool, bool, bool, int, int]:
        frames = track.frames or 0
        # Tracks with about as many frames are ranked by pixels: counting stops anywhere, so counts differ by a few.
        return frames != 1, track.is_known, track.is_default, 2 * frames >= max_frames, track.pixels, -track.index

    return max(candidates, key=rank, default=None)


def count_frames(container: InputContainer, tracks: Sequence[Track], check: Callable[[], None]) -> list[Track]:
    """The same with frames counted at the beginning of the file; for a single track only until it is not a cover."""
    streams = [video_stream(container, track.index) for track in tracks]
    keep_only(container, streams)
    max_count, stop_at = 2 if len(tracks) == 1 else MAX_COUNTED_FRAMES, time.monotonic() + MAX_COUNT_SECONDS
    counts: Counter[int] = Counter()
    for packet in packets_of(container, *streams):
        check()
        if packet.size:
            counts[packet.stream_index] += 1
        if counts.total() >= max_count or time.monotonic() > stop_at:
            break
    return [replace(track, frames=counts[track.index] or None) for track in tracks]


def no_video_error(container: InputContainer) -> MediaError:
    streams = container.streams
    if streams.audio and streams.video:
        return NotAllowedError("It contains sound with a cover picture, but no video.")
    if streams.audio:
        return NotAllowedError("It contains only sound, no video.")
    if streams.subtitles:
        return NotAllowedError("It contains no video.")
    return UnreadableError(DAMAGED_MESSAGE, detail="no video stream was found")


@contextmanager
def open_track(
    fd: int, format: Format, index: int, *, threads: int = 1
) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The file from its beginning, with the chosen stream checked and ready to decode, and all others discarded."""
    with open_container(fd, format) as container:
        stream = prepare_stream(video_stream(container, index), threads)
        keep_only(container, [stream])
        yield container, stream


def keep_only(container: InputContainer, streams: Sequence[Stream]) -> None:
    """Skip the packets of all other streams, so that they cost neither time nor memory."""
    kept = {stream.index for stream in streams}
    for stream in container.streams:
        if stream.index not in kept:
            stream.discard = Discard.all


def video_stream(container: InputContainer, index: int) -> VideoStream:
    stream = container.streams[index]
    if not isinstance(stream, VideoStream):
        raise UnreadableError(DAMAGED_MESSAGE, detail="the order of its streams changed")
    return stream


def prepare_stream(stream: VideoStream, threads: int) -> VideoStream:
    """Check the codec and frame size before decoding; set up the decoder. Raises NotAllowedError, TooLargeError."""
    context = stream.codec_context
    if context is None:
        raise NotAllowedError("The video's codec is unknown.")
    if context.name not in CODECS:
        raise NotAllowedError(f"smolwatch does not support the video's codec ({safe_text(context.name)}).")
    check_frame(context.width, context.height)
    context.options = CODEC_OPTIONS
    context.thread_count = threads
    context.thread_type = "AUTO"
    return stream


def check_frame(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise TooLargeError(
            f"The video is too large ({width}×{height}); the limit is {MAX_PIXELS // 10**6} megapixels."
        )
