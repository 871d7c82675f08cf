"""Opens a video file with FFmpeg, restricted to one demuxer, a list of codecs, and one open descriptor.

FFmpeg cannot read anything else, so a file that references other files cannot make it open them.
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

#: FFmpeg's demuxer for each format. No other is tried, so that the file is read as the format that `sniff` detected.
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
    "heif": "mov",  # an image sequence
}
#: Allowed decoders by FFmpeg's names, grouped by the source of the files.
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
#: A larger frame is refused before decoding.
MAX_PIXELS = 100_000_000
#: Options for every decoder, including FFmpeg's own probing of streams.
CODEC_OPTIONS = {"max_pixels": str(MAX_PIXELS)}
#: Videos with many languages have dozens of streams; each costs memory.
MAX_STREAMS = 512

DAMAGED_MESSAGE = "The video is damaged or incomplete."


@contextmanager
def translate_errors() -> Iterator[None]:
    """Translate errors of FFmpeg and PyAV into MediaError.

    ImportError and PermissionError pass through: they come from the sandbox, not from the video.
    """
    try:
        yield
    except MediaError:
        raise
    except MemoryError as error:
        raise OutOfMemoryError("The video needs more memory than is available.") from error
    except av.FFmpegError as error:
        raise UnreadableError(DAMAGED_MESSAGE, detail=safe_text(error.strerror or "")) from error
    except PermissionError:
        raise
    except (OSError, ValueError, LookupError, ArithmeticError, RuntimeError, TypeError) as error:
        raise UnreadableError(DAMAGED_MESSAGE, detail=safe_text(f"{type(error).__name__}: {error}")) from error


@contextmanager
def open_container(fd: int, format: Format) -> Iterator[InputContainer]:
    """The file from its beginning, with its streams probed."""
    demuxer = DEMUXERS[format.name]
    os.lseek(fd, 0, os.SEEK_SET)
    options = {
        "fd": str(fd),
        "protocol_whitelist": "fd",
        "format_whitelist": demuxer,  # some demuxers open others for parts of a file
        "codec_whitelist": ",".join(sorted(CODECS)),  # FFmpeg probes every stream
        "probesize": "5000000",
        "analyzeduration": "5000000",
        "max_streams": str(MAX_STREAMS),
    }
    with av.open(
        "fd:", format=demuxer, container_options=options, options=CODEC_OPTIONS, metadata_errors="replace"
    ) as container:
        yield container
