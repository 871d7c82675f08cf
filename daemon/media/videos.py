"""Videos: MP4, MOV, MKV, WebM and AVI as a few upright RGB frames with their times, through PyAV.

FFmpeg is given the one open descriptor and no other way to read anything, so that a file which names other files
cannot have them opened. This module judges the file and says what was seen; `timing`, `reel` and `developing` do the
rest.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from config.text import safe_text
from daemon.errors import MediaError, NotAllowedError, OutOfMemoryError, TooLargeError, UnreadableError
from daemon.media.appearance import FRAMES_ASKED, appearance_of
from daemon.media.clip import Clip, DecodePlan
from daemon.media.counting import Check
from daemon.media.developing import Developed, developed
from daemon.media.frames import chosen_indices
from daemon.media.kinds import HEAD_BYTES, sniff
from daemon.media.opening import check_size
from daemon.media.reel import Reel, Shot
from daemon.media.timing import Length, length_of
from storage.records import Media, MediaKind

FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi"
CODECS = frozenset({"h264", "hevc", "vp8", "vp9", "av1", "libdav1d", "mpeg4", "mjpeg", "prores", "mpeg2video"})
#: A larger frame is refused undecoded.
MAX_PIXELS = 100_000_000
#: For whatever decodes, be it to find out what a stream is.
BOUNDS = {"max_pixels": str(MAX_PIXELS)}
MAX_STREAMS = 16
THREADS = 2
#: So much time goes into decoding at most, and no more than half of what the plan allows for the whole.
DECODE_SECONDS = 20.0


def read_video(fd: int, plan: DecodePlan) -> Clip:
    """1 to `plan.max_frames` frames, no edge over `plan.frame_edge`, chosen by `chosen_indices`. `fd` stays open.

    A file that breaks off gives the frames up to there. Raises ChangedError when somebody appends to it meanwhile,
    NotAllowedError, TooLargeError, UnreadableError, OutOfMemoryError.
    """
    format = sniff(os.pread(fd, HEAD_BYTES, 0))
    if format is None or format.kind is not MediaKind.VIDEO:
        raise NotAllowedError("Not a video that smolwatch knows.")
    stop_at = time.monotonic() + min(DECODE_SECONDS, plan.seconds / 2)
    with border():
        size = os.fstat(fd).st_size
        check = partial(check_size, fd, size)
        length = length_of(partial(opened, fd), size, check, stop_at)
        seen, end = looked_at(fd, plan, length, check, stop_at)
        if length.estimated and end is not None and end < length.seconds - 1 / length.rate:
            length = replace(length.ending(end), estimated=False)
            if time.monotonic() < stop_at:
                seen, _ = looked_at(fd, plan, length, check, stop_at)
    media = Media(
        kind=MediaKind.VIDEO,
        format=format.name,
        width=seen.width,
        height=seen.height,
        seconds=round(length.seconds, 6),
        frame_rate=round(length.rate, 3),
        frames_seen=len(seen.pictures),
    )
    return Clip(media=media, pictures=seen.pictures, timestamps=seen.timestamps)


def looked_at(
    fd: int, plan: DecodePlan, length: Length, check: Check, stop_at: float
) -> tuple[Developed, float | None]:
    """The frames of the plan, and when the film's last frame ended, if the reel came to that."""
    indices = chosen_indices(length.frames, length.rate, per_second=plan.frames_per_second, max_frames=plan.max_frames)
    wanted = [index / length.rate for index in indices]
    with opened(fd, threads=1 if plan.sparing else THREADS) as (container, stream):
        reel = Reel(container, stream, length=length, wanted=wanted, check=check, stop_at=stop_at)
        appearance = appearance_of(stream, reel.opening(FRAMES_ASKED))
        seen = developed(judged_frames(reel.shots()), appearance, plan.frame_edge)
        return seen, reel.end


def judged_frames(shots: Iterator[Shot]) -> Iterator[Shot]:
    """The same shots; one that is too large is refused before it becomes pixels."""
    for shot in shots:
        check_frame(shot.frame.width, shot.frame.height)
        yield shot


@contextmanager
def border() -> Iterator[None]:
    """FFmpeg's errors, and what PyAV lets out of a broken file, become ours."""
    try:
        yield
    except MediaError:
        raise
    except MemoryError as error:
        raise OutOfMemoryError("The video takes more memory than there is.") from error
    except av.FFmpegError as error:
        raise UnreadableError(f"The video is damaged or incomplete ({safe_text(error.strerror or '')}).") from error
    except (OSError, ValueError, LookupError, ArithmeticError, RuntimeError, TypeError) as error:
        raise UnreadableError(f"The video is damaged or incomplete ({safe_text(str(error))}).") from error


@contextmanager
def opened(fd: int, *, threads: int = 1) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The file from its beginning, with its picture stream judged and ready to decode."""
    os.lseek(fd, 0, os.SEEK_SET)
    options = {
        "fd": str(fd),
        "protocol_whitelist": "fd",
        "format_whitelist": FORMATS,
        "codec_whitelist": ",".join(sorted(CODECS)),  # FFmpeg tries the codec of every stream, also of those not wanted
        "probesize": "5000000",
        "analyzeduration": "5000000",
        "max_streams": str(MAX_STREAMS),
    }
    with av.open("fd:", container_options=options, options=BOUNDS, metadata_errors="replace") as container:
        yield container, judged(picture_stream(container), threads)


def picture_stream(container: InputContainer) -> VideoStream:
    """The first stream of moving pictures; a cover picture is none."""
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            return stream
    raise UnreadableError("There is no video stream in the file.")


def judged(stream: VideoStream, threads: int) -> VideoStream:
    """Refused before its first frame is decoded, or set up within bounds."""
    context = stream.codec_context
    if context is None:
        raise UnreadableError("The video's codec is not known.")
    if context.name not in CODECS:
        raise NotAllowedError(f"The video's codec ({safe_text(context.name)}) is not one that smolwatch opens.")
    check_frame(context.width, context.height)
    context.options = BOUNDS
    context.thread_count = threads
    context.thread_type = "AUTO"
    return stream


def check_frame(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise TooLargeError(
            f"The video is too large ({width}×{height}); the limit is {MAX_PIXELS // 10**6} megapixels."
        )
