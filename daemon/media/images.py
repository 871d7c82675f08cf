"""Pictures: JPEG, PNG, WebP, GIF, BMP, TIFF and HEIC as upright RGB pixels, by Pillow. Of many frames, the first."""

from __future__ import annotations

import os
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import numpy as np
import pillow_heif
from PIL import Image, UnidentifiedImageError

from config.text import safe_text
from daemon.errors import MediaError, NotAllowedError, OutOfMemoryError, TooLargeError, UnreadableError
from daemon.media.clip import Clip, DecodePlan
from daemon.media.frames import shrink
from daemon.media.kinds import HEAD_BYTES, sniff
from storage.records import Media, MediaKind

#: A larger picture is refused unopened; as RGB this many pixels take 300 MB.
MAX_PIXELS = 100_000_000
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "HEIF")

ORIENTATION = 0x0112
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
#: These swap width and height.
SIDEWAYS = frozenset(TURNS[orientation] for orientation in (5, 6, 7, 8))
#: What Pillow is known to let out of a broken file.
BROKEN = (OSError, ValueError, SyntaxError, EOFError, RuntimeError, KeyError, IndexError, TypeError, struct.error)


def read_image(fd: int, plan: DecodePlan) -> Clip:
    """One picture, no longer than `plan.image_edge`. The descriptor stays open.

    Raises TooLargeError, NotAllowedError, UnreadableError, OutOfMemoryError.
    """
    format = sniff(os.pread(fd, HEAD_BYTES, 0))
    if format is None or format.kind is not MediaKind.IMAGE:
        raise NotAllowedError("Not a picture that smolwatch knows.")
    with border(), os.fdopen(fd, "rb", closefd=False) as file, opened(file) as picture:
        size = picture.size
        # JPEG alone knows drafts: it unpacks at a half, a quarter or an eighth.
        drafted = plan.sparing and picture.draft("RGB", (plan.image_edge, plan.image_edge)) is not None
        picture.load()
        turn = turn_of(picture)
        whole = flat(picture if turn is None else picture.transpose(turn))
    width, height = whole.size
    if drafted:
        width, height = size[::-1] if turn in SIDEWAYS else size
    media = Media(kind=MediaKind.IMAGE, format=format.name, width=width, height=height)
    return Clip(media=media, pictures=(shrink(np.asarray(whole), plan.image_edge),), timestamps=())


@contextmanager
def border() -> Iterator[None]:
    """Pillow's warnings, where it has something to say about a file, are no news; its errors become ours."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    except MediaError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise TooLargeError(f"The picture is too large: more than {MAX_PIXELS // 10**6} megapixels.") from error
    except MemoryError as error:
        raise OutOfMemoryError("The picture takes more memory than there is.") from error
    except UnidentifiedImageError as error:
        raise UnreadableError("The picture is damaged, or of a variety that smolwatch cannot read.") from error
    except BROKEN as error:
        raise UnreadableError(f"The picture is damaged or incomplete ({safe_text(str(error))}).") from error


def opened(file: BinaryIO) -> Image.Image:
    """The picture's header, read; its pixels not yet. A bomb is refused here, before anything is unpacked."""
    pillow_heif.register_heif_opener(thumbnails=False)
    Image.MAX_IMAGE_PIXELS = None  # measured below instead, so that the refusal can name the size
    file.seek(0)
    picture = Image.open(file, formats=FORMATS)
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    if picture.width * picture.height > MAX_PIXELS:
        picture.close()
        size = f"{picture.width}×{picture.height}"
        raise TooLargeError(f"The picture is too large ({size}); the limit is {MAX_PIXELS // 10**6} megapixels.")
    return picture


def turn_of(picture: Image.Image) -> Image.Transpose | None:
    """How the camera's orientation tag wants it shown. A tag that cannot be read turns nothing."""
    try:
        return TURNS.get(picture.getexif().get(ORIENTATION, 1))
    except (*BROKEN, MemoryError):
        return None


def flat(picture: Image.Image) -> Image.Image:
    """RGB, eight bits; what is transparent shows white, as in the stock processor (transformers' `convert_to_rgb`)."""
    if picture.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8)).convert("RGB")
    if picture.mode in ("I", "F"):
        return stretched(np.asarray(picture, dtype=np.float64)).convert("RGB")
    if "A" in picture.getbands() or picture.info.get("transparency") is not None:
        layer = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    return picture.convert("RGB")


def stretched(values: np.ndarray) -> Image.Image:
    """Deep grey of no agreed range: its own darkest becomes black, its brightest white."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    scaled = (values - low) * (255 / (high - low or 1.0))
    return Image.fromarray(np.nan_to_num(scaled).clip(0, 255).astype(np.uint8))
