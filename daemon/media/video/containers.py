"""A video file opened by FFmpeg within narrow bounds: one demuxer, few codecs, and the one open descriptor.

FFmpeg has no way to read anything else, so that a file which names other files cannot have them opened.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import av
from av.container import InputContainer

from config.safe_text import safe_text
from daemon.errors import MediaError, OutOfMemoryError, UnreadableError
from daemon.media.sniff import Format

#: FFmpeg's demuxer for each of our formats. No other is tried, so that what `sniff` saw is what is opened.
DEMUXERS = {
    "mp4": "mov",
    "mov": "mov",
    "mkv": "matroska",
    "webm": "matroska",
    "avi": "avi",
    "mpegts": "mpegts",
    "mpeg": "mpeg",
    "mpegvideo": "mpegvideo",
    "asf": "asf",
    "flv": "flv",
    "ogg": "ogg",
    "mxf": "mxf",
    "dv": "dv",
    "heif": "mov",  # pictures in sequence
}
#: FFmpeg's names of the decoders that may run, by whose files need them.
CODECS = frozenset(
    (
        "h264 hevc vp8 vp9 av1 libdav1d mpeg4 mjpeg h263 h263p "  # phones, cameras, browsers
        "mpeg1video mpeg2video dvvideo vc1 "  # camcorders, discs, television
        "prores dnxhd cfhd jpeg2000 aic ffv1 huffyuv ffvhuff utvideo lagarith magicyuv "  # studios
        "rawvideo v210 v308 v408 v410 r210 r10k "  # the same, not compressed
        "msmpeg4v1 msmpeg4v2 msmpeg4 wmv1 wmv2 wmv3 mss1 mss2 msvideo1 msrle cinepak indeo3 indeo4 indeo5 "  # Windows
        "qtrle rpza smc svq1 svq3 8bps mjpegb png "  # QuickTime
        "flv vp6 vp6a vp6f flashsv flashsv2 "  # Flash
        "theora dirac "  # Ogg
        "camtasia tscc2 zmbv fraps"  # recorders of screens and games
    ).split()
)
#: A larger frame is refused undecoded.
MAX_PIXELS = 100_000_000
#: For whatever decodes, be it to find out what a stream is.
CODEC_OPTIONS = {"max_pixels": str(MAX_PIXELS)}
#: Films with many languages have dozens; each costs memory.
MAX_STREAMS = 512

DAMAGED_MESSAGE = "The video is damaged or incomplete."


@contextmanager
def translate_errors() -> Iterator[None]:
    """FFmpeg's errors, and what PyAV lets out of a broken file, become ours.

    But not that a part of the decoder cannot be loaded, or wants to open a file of its own: that is not the video's.
    """
    try:
        yield
    except MediaError:
        raise
    except MemoryError as error:
        raise OutOfMemoryError("The video takes more memory than there is.") from error
    except av.FFmpegError as error:
        raise UnreadableError(DAMAGED_MESSAGE, detail=safe_text(error.strerror or "")) from error
    except PermissionError:
        raise
    except (OSError, ValueError, LookupError, ArithmeticError, RuntimeError, TypeError) as error:
        raise UnreadableError(DAMAGED_MESSAGE, detail=safe_text(f"{type(error).__name__}: {error}")) from error


@contextmanager
def open_container(fd: int, format: Format) -> Iterator[InputContainer]:
    """The file from its beginning, its streams known, nothing of it decoded for us yet."""
    demuxer = DEMUXERS[format.name]
    os.lseek(fd, 0, os.SEEK_SET)
    options = {
        "fd": str(fd),
        "protocol_whitelist": "fd",
        "format_whitelist": demuxer,  # some open others for parts of a file
        "codec_whitelist": ",".join(sorted(CODECS)),  # FFmpeg tries the codec of every stream, also of those not wanted
        "probesize": "5000000",
        "analyzeduration": "5000000",
        "max_streams": str(MAX_STREAMS),
    }
    with av.open(
        "fd:", format=demuxer, container_options=options, options=CODEC_OPTIONS, metadata_errors="replace"
    ) as container:
        yield container
