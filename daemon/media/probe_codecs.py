"""Prints as JSON which supported formats cannot be decoded here. A program of its own, because it may crash.

python -m daemon.media.probe_codecs
"""

from __future__ import annotations

import json

import av
import PIL
import pillow_heif
from av.codec import Codec
from av.codec.codec import UnknownCodecError
from av.format import ContainerFormat
from PIL import Image, features

from daemon.media import images
from daemon.media.video import containers

#: Formats for which Pillow needs an optional library.
LIBRARIES = {"JPEG": "jpg", "PNG": "zlib", "WEBP": "webp", "AVIF": "avif"}
#: One of these two is enough for AV1.
EITHER = {"av1", "libdav1d"}


def probe() -> dict[str, object]:
    pillow_heif.register_heif_opener(thumbnails=False)
    Image.init()
    missing = [*missing_pictures(), *missing_videos()]
    return {"av": av.__version__, "pillow": PIL.__version__, "missing": missing}


def missing_pictures() -> list[str]:
    lacking = {name for name, library in LIBRARIES.items() if not features.check(library)}
    return [name for name in images.FORMATS if name in lacking or name not in Image.OPEN]


def missing_videos() -> list[str]:
    """Decoders and demuxers by FFmpeg's names; encoders and muxers of the same name do not count."""
    codecs = [name for name in sorted(containers.CODECS) if not can_decode(name)]
    formats = [name for name in sorted(set(containers.DEMUXERS.values())) if not can_demux(name)]
    return [name for name in codecs if name not in EITHER or set(codecs) >= EITHER] + formats


def can_decode(name: str) -> bool:
    try:
        return Codec(name, "r").is_decoder
    except UnknownCodecError:
        return False


def can_demux(name: str) -> bool:
    try:
        return ContainerFormat(name, "r").is_input
    except ValueError:
        return False


if __name__ == "__main__":
    print(json.dumps(probe()))
