"""JPEG: very large ones at a fraction of their size, and those whose end marker is missing."""

from __future__ import annotations

import io
import random
from typing import BinaryIO

from PIL import Image, ImageChops

from daemon.media.clip import DecodePlan
from daemon.media.picture.orientation import transpose_of
from daemon.media.picture.stored_picture import LARGE_PIXELS, MAX_PIXELS, StoredPicture, open_picture

END_MARKER = b"\xff\xd9"
#: What may follow the values: their end, or others that mean nothing and hold no marker.
NOISE = bytes(random.Random(1).choices(range(1, 255), k=4096))
TAILS = (END_MARKER, NOISE + END_MARKER, bytes(255 - value for value in NOISE) + END_MARKER)
#: By what the decoder can divide both edges while it unpacks.
SCALES = (8, 4, 2)


def load(file: BinaryIO, plan: DecodePlan) -> StoredPicture:
    """One picture, also of a file that holds several (MPO)."""
    picture = open_picture(file, "JPEG", LARGE_PIXELS)
    size = picture.size
    try:
        unpack(picture, plan)
    except OSError:
        picture_completed = complete(file, plan)
        if picture_completed is None:
            raise
        picture = picture_completed
    return StoredPicture(picture=picture, size=size, transpose=transpose_of(picture))


def unpack(picture: Image.Image, plan: DecodePlan) -> None:
    """At a half, a quarter or an eighth of its size where that is worth more than the last bit of sharpness."""
    if plan.low_memory or picture.width * picture.height > MAX_PIXELS:
        max_scale = max(picture.size) // plan.image_edge
        scale = next((scale for scale in SCALES if scale <= max_scale), 1)
        picture.draft("RGB", (picture.width // scale, picture.height // scale))
    picture.load()


def complete(file: BinaryIO, plan: DecodePlan) -> Image.Image | None:
    """The picture of a file that breaks off, if what is missing is its end marker alone.

    For missing values the decoder takes what follows. So they are all there when it makes no difference what follows.
    """
    file.seek(0)
    content = file.read().removesuffix(END_MARKER[:1])
    first: Image.Image | None = None
    for tail in TAILS:
        picture = open_picture(io.BytesIO(content + tail), "JPEG", LARGE_PIXELS)
        unpack(picture, plan)
        if first is not None and ImageChops.difference(first, picture).getbbox() is not None:
            return None
        first = first or picture
    return first
