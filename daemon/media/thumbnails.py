"""Small JPEG pictures for reports."""

from __future__ import annotations

import io

from PIL import Image

from daemon.media.clip import Pixels

EDGE = 96
QUALITIES = (70, 50, 30, 10)


def thumbnail_of(picture: Pixels, *, most_bytes: int) -> bytes:
    """A JPEG of at most EDGE pixels a side: the best that fits into `most_bytes`, or the smallest that there is."""
    image = Image.fromarray(picture)
    image.thumbnail((EDGE, EDGE))
    for quality in QUALITIES:
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=quality)
        if stream.tell() <= most_bytes:
            break
    return stream.getvalue()
