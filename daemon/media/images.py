"""Pictures of every format as upright RGB pixels: each format's module loads it, this one builds the Clip."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError

from config.safe_text import safe_text
from daemon.errors import (
    DecoderBrokenError,
    MediaError,
    NotAllowedError,
    OutOfMemoryError,
    TooLargeError,
    UnreadableError,
)
from daemon.media.clip import Clip, DecodePlan
from daemon.media.formats import gif, heif, heif_boxes, jpeg, jxl, png, raw, tiff, webp
from daemon.media.formats.tiff_directories import directories
from daemon.media.picture.animation import read_animation, read_still
from daemon.media.picture.orientation import DECODE_ERRORS
from daemon.media.picture.stored_picture import MAX_PIXELS, StoredPicture, open_picture
from daemon.media.sniff import HEAD_BYTES, sniff
from daemon.media.video.videos import read_video
from storage.records import MediaKind

#: By Pillow's names; pillow-heif opens HEIF.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")

#: Messages of libraries that have no error type for it.
NO_MEMORY = re.compile("out of memory|memory allocation(?!.*security limit)", re.IGNORECASE)


def open_bmp(file: BinaryIO, plan: DecodePlan) -> StoredPicture:
    picture = open_picture(file, "BMP")
    picture.load()
    return StoredPicture(picture=picture, size=picture.size)


def open_tiff(file: BinaryIO, plan: DecodePlan) -> StoredPicture:
    """Most camera raw files are TIFF files whose first picture is a thumbnail."""
    directories_found = directories(file)
    return (
        raw.load(file, plan, directories_found)
        if raw.is_raw(file, directories_found)
        else tiff.load(file, plan, directories_found)
    )


def open_raw(file: BinaryIO, plan: DecodePlan) -> StoredPicture:
    """Some of these are not TIFF files and still have TIFF directories."""
    return raw.load(file, plan, directories(file))


OPENERS: dict[str, Callable[[BinaryIO, DecodePlan], StoredPicture]] = {
    "avif": heif.load_avif,
    "bmp": open_bmp,
    "gif": gif.load,
    "heif": heif.load_heic,
    "jpeg": jpeg.load,
    "jxl": jxl.load,
    "png": png.load,
    "raw": open_raw,
    "tiff": open_tiff,
    "webp": webp.load,
}


def read_image(fd: int, plan: DecodePlan) -> Clip:
    """One picture, no longer than `plan.image_edge`; for an animation, frames no longer than `plan.frame_edge`.

    The descriptor stays open. Raises TooLargeError, NotAllowedError, UnreadableError, OutOfMemoryError.
    """
    format = sniff(os.pread(fd, HEAD_BYTES, 0))
    if format is None or format.kind is not MediaKind.IMAGE:
        raise NotAllowedError("Not a picture format that smolwatch supports.")
    with translate_errors(), os.fdopen(fd, "rb", closefd=False) as file:
        if format.name == "heif" and len(heif_boxes.delays(heif_boxes.metadata_boxes(file))) > 1:
            return read_video(fd, plan)
        file.seek(0)
        stored = OPENERS[format.name](file, plan)
        read = read_animation if len(stored.delays) > 1 else read_still
        return read(stored, stored.format or format.name, plan)


@contextmanager
def translate_errors() -> Iterator[None]:
    """Translate Pillow's errors into MediaError; ignore its warnings about files."""
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
        raise OutOfMemoryError("The picture needs more memory than is available.") from error
    except PermissionError as error:  # nothing can be opened in the sandbox: `preload` misses a module
        raise DecoderBrokenError(detail=safe_text(str(error))) from error
    except UnidentifiedImageError as error:
        raise UnreadableError("The picture is damaged, or of a variant that smolwatch cannot read.") from error
    except DECODE_ERRORS as error:
        detail = safe_text(f"{type(error).__name__}: {error}")
        if NO_MEMORY.search(detail):
            raise OutOfMemoryError("The picture needs more memory than is available.", detail=detail) from error
        raise UnreadableError("The picture is damaged or incomplete.", detail=detail) from error
