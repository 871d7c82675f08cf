"""Tells in JSON which of the promised formats cannot be opened here. A program of its own: what breaks, breaks alone.

python -m daemon.media.about_codecs
"""

from __future__ import annotations

import json

import av
import PIL
import pillow_heif
from PIL import Image, features

from daemon.media import containers, images

#: Formats for which Pillow needs a library that a build may lack.
LIBRARIES = {"JPEG": "jpg", "PNG": "zlib", "WEBP": "webp", "AVIF": "avif"}
#: One of the two decodes AV1.
EITHER = {"av1", "libdav1d"}


def about() -> dict[str, object]:
    pillow_heif.register_heif_opener(thumbnails=False)
    Image.init()
    missing = [*missing_pictures(), *missing_videos()]
    return {"av": av.__version__, "pillow": PIL.__version__, "missing": missing}


def missing_pictures() -> list[str]:
    lacking = {name for name, library in LIBRARIES.items() if not features.check(library)}
    return [name for name in images.FORMATS if name in lacking or name not in Image.OPEN]


def missing_videos() -> list[str]:
    codecs = set(av.codecs_available)
    formats = {name for names in av.formats_available for name in names.split(",")}
    wanted = sorted(containers.CODECS - EITHER) + ([] if codecs & EITHER else ["av1"])
    return [name for name in wanted if name not in codecs] + sorted(set(containers.DEMUXERS.values()) - formats)


if __name__ == "__main__":
    print(json.dumps(about()))
