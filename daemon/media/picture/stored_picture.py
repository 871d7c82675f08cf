"""A picture as its file stores it, and what it takes to show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

from PIL import Image

from daemon.errors import TooLargeError
from daemon.media.picture.colour_profiles import Coding

#: A larger picture is refused before it is unpacked. Unpacked, it takes up to a fifth of what the process may use.
MAX_PIXELS = 100_000_000
#: The same for formats that unpack to a smaller size at once, or tile by tile: JPEG and HEIC.
LARGE_PIXELS = 250_000_000


@dataclass(frozen=True, kw_only=True)
class StoredPicture:
    """`picture`: perhaps not unpacked yet, perhaps smaller than `size` (width, height), which is the stored one.

    `turn`: what brings it upright; None if it is. `coding`: what its numbers mean, beside an embedded profile.
    `delays`: seconds for each frame of a moving one; `first`: the frame that they begin with. `format`: where it is
    not the one that the first bytes say. `defects`: as those of a Clip.
    """

    picture: Image.Image
    size: tuple[int, int]
    turn: Image.Transpose | None = None
    coding: Coding | None = None
    pages: int | None = None
    delays: Sequence[float] = ()
    first: int = 0
    format: str | None = None
    defects: tuple[str, ...] = ()


def check_pixels(width: int, height: int, most: int = MAX_PIXELS) -> None:
    """Raises TooLargeError with the size and the limit."""
    if width * height > most:
        limit = most // 10**6
        raise TooLargeError(f"The picture is too large ({width}×{height}); the limit is {limit} megapixels.")


def open_picture(file: BinaryIO, format: str, most: int = MAX_PIXELS) -> Image.Image:
    """The header, read by Pillow as that format of its; the pixels not yet, so that a bomb is refused unopened."""
    Image.MAX_IMAGE_PIXELS = None  # measured here instead, so that the refusal can name the size
    file.seek(0)
    picture = Image.open(file, formats=(format,))
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS  # for what comes out later
    check_pixels(*picture.size, most)
    return picture
