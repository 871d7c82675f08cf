"""JPEG, with reduced decoding of very large pictures, and repair of a missing end marker."""

from __future__ import annotations

import io
import random
from typing import BinaryIO

from PIL import Image, ImageChops

from daemon.media.clip import DecodePlan
from daemon.media.picture.orientation import transpose_of
from daemon.media.picture.stored_picture import LARGE_PIXELS, MAX_PIXELS, StoredPicture, open_picture

END_MARKER = b"\xff\xd9"
#: Tails that are appended to a truncated file: the end marker alone, or after noise without markers.
NOISE = bytes(random.Random(1).choices(range(1, 255), k=4096))
TAILS = (END_MARKER, NOISE + END_MARKER, bytes(255 - value for value in NOISE) + END_MARKER)
#: Factors by which the decoder can reduce both edges.
SCALES = (8, 4, 2)


def load(file: BinaryIO, plan: DecodePlan) -> StoredPicture:
    """One picture; the first of a file with several (MPO)."""
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
    """Decode; at a half, a quarter or an eighth of its size for a very large picture or with `low_memory`."""
    if plan.low_memory or picture.width * picture.height > MAX_PIXELS:
        max_scale = max(picture.size) // plan.image_edge
        scale = next((scale for scale in SCALES if scale <= max_scale), 1)
        picture.draft("RGB", (picture.width // scale, picture.height // scale))
    picture.load()


def complete(file: BinaryIO, plan: DecodePlan) -> Image.Image | None:
    """The picture of a truncated file, if only its end marker is missing.

    The decoder would read missing values from the bytes that follow. All values are present if the result is the same
    with different tails.
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
