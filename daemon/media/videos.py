"""Videos: MP4, MOV, MKV, WebM and AVI as a few upright RGB frames with their times, through PyAV.

FFmpeg is given the one open descriptor and no other way to read anything, so that a file which names other files
cannot have them opened. Decoding is `reel`'s; this module judges the file and says what was seen.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import av
import numpy as np
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from config.text import safe_text
from daemon.errors import MediaError, NotAllowedError, OutOfMemoryError, TooLargeError, UnreadableError
from daemon.media.clip import Clip, DecodePlan, Pixels
from daemon.media.frames import sample_indices, shrink
from daemon.media.kinds import HEAD_BYTES, Format, sniff
from daemon.media.opening import check_size
from daemon.media.reel import Reel, Shot
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
#: A stated length beyond this is not believed.
DAY = 86_400.0


def read_video(fd: int, plan: DecodePlan) -> Clip:
    """1 to `plan.max_frames` frames, no edge over `plan.frame_edge`, by the stock sampling rule. `fd` stays open.

    A file that breaks off gives the frames up to there. Raises ChangedError when somebody appends to it meanwhile,
    NotAllowedError, TooLargeError, UnreadableError, OutOfMemoryError.
    """
    format = sniff(os.pread(fd, HEAD_BYTES, 0))
    if format is None or not (format.kind is MediaKind.VIDEO or format.name == "heif"):  # of pictures in sequence
        raise NotAllowedError("Not a video that smolwatch knows.")
    stop_at = time.monotonic() + min(DECODE_SECONDS, plan.seconds / 2)
    with border():
        check = partial(check_size, fd, os.fstat(fd).st_size)
        total, rate = length_of(fd, check, stop_at)
        indices = sample_indices(total, rate, per_second=plan.frames_per_second, max_frames=plan.max_frames)
        with opened(fd, threads=1 if plan.sparing else THREADS) as (container, stream):
            reel = Reel(container, stream, rate=rate, check=check, stop_at=stop_at)
            return developed(reel.shots([index / rate for index in indices]), format, plan, total, rate)


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


def length_of(fd: int, check: Callable[[], None], stop_at: float) -> tuple[int, float]:
    """How many frames there are, and how many a second: as stated where that can be believed, else counted."""
    with opened(fd) as (container, stream):
        average, usual = float(stream.average_rate or 0), float(stream.guessed_rate or 0)
        seconds = seconds_stated(container, stream)
        total = stream.frames or round(seconds * average)
        steady = average > 0 and abs(average - usual) <= 0.02 * average
        if steady and 1 <= total <= DAY * average:
            return total, average
    with opened(fd) as (container, stream):
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
