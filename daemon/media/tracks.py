"""Which stream of a video is looked at, and whether it may be: the file opened by FFmpeg within narrow bounds.

FFmpeg is given the one open descriptor and no other way to read anything, so that a file which names other files
cannot have them opened.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from config.text import safe_text
from daemon.errors import MediaError, NotAllowedError, OutOfMemoryError, TooLargeError, UnreadableError

FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi"
CODECS = frozenset({"h264", "hevc", "vp8", "vp9", "av1", "libdav1d", "mpeg4", "mjpeg", "prores", "mpeg2video"})
#: A larger frame is refused undecoded.
MAX_PIXELS = 100_000_000
#: For whatever decodes, be it to find out what a stream is.
BOUNDS = {"max_pixels": str(MAX_PIXELS)}
MAX_STREAMS = 16


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
