"""A picture as stored in its file, with what is needed to convert it to upright RGB."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

from PIL import Image

from daemon.errors import TooLargeError
from daemon.media.picture.colour_profiles import Coding

#: A larger picture is refused before decoding. Decoded, this takes up to a fifth of the process's memory limit.
MAX_PIXELS = 100_000_000
#: The same for formats that decode to a smaller size, or tile by tile: JPEG and HEIC.
LARGE_PIXELS = 250_000_000


@dataclass(frozen=True, kw_only=True)
class StoredPicture:
    """`picture`: perhaps not decoded yet, perhaps smaller than `size`, the stored width and height.

    `transpose`: makes it upright; None if it is. `coding`: colour coding in addition to an embedded ICC profile.
    `delays`: seconds of each frame of an animation, which begins with frame `first_frame`. `format`: only if it differs
    from the sniffed one. `defects`: as in Clip.
    """

    picture: Image.Image
    size: tuple[int, int]
    transpose: Image.Transpose | None = None
    coding: Coding | None = None
    pages: int | None = None
    delays: Sequence[float] = ()
    first_frame: int = 0
    format: str | None = None
    defects: tuple[str, ...] = ()


def check_pixels(width: int, height: int, max_pixels: int = MAX_PIXELS) -> None:
    """Raises TooLargeError, whose message has the size and the limit."""
    if width * height > max_pixels:
        limit = max_pixels // 10**6
        raise TooLargeError(f"The picture is too large ({width}×{height}); the limit is {limit} megapixels.")


def open_picture(file: BinaryIO, format: str, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Read the header as Pillow's `format`, not the pixels, so that a decompression bomb is refused before decoding."""
    Image.MAX_IMAGE_PIXELS = None  # checked here instead, so that the error can state the size
    file.seek(0)
    picture = Image.open(file, formats=(format,))
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS  # for frames that are decoded later
    check_pixels(*picture.size, max_pixels)
    return picture
