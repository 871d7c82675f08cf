"""TIFF: the first page, and the number of pages."""

from __future__ import annotations

from typing import BinaryIO

from PIL import TiffImagePlugin, UnidentifiedImageError

from daemon.media.clip import DecodePlan
from daemon.media.formats import tiff_samples
from daemon.media.formats.tiff_directories import ORIENTATION, Directory
from daemon.media.picture.orientation import TRANSPOSES, transpose_of
from daemon.media.picture.stored_picture import StoredPicture, check_pixels, open_picture

# Pillow's own reader for uncompressed data misreads 16-bit planes; libtiff, its reader for the rest, reads all.
TiffImagePlugin.READ_LIBTIFF = True


def load(file: BinaryIO, plan: DecodePlan, found: list[Directory]) -> StoredPicture:
    """The first page, with the number of pages. A thumbnail before it is skipped."""
    chain = [directory for directory in found if not directory.nested]
    pages = [place for place, directory in enumerate(chain) if directory.is_page]
    first = pages[0] if pages else 0
    page_count = len(pages) if len(pages) > 1 else None
    try:
        picture = open_picture(file, "TIFF")
        if first > 0:
            picture.seek(first)
    except (UnidentifiedImageError, SyntaxError):
        values = tiff_samples.load(file, chain[first]) if chain else None
        if values is None:
            raise
        return StoredPicture(
            picture=values,
            size=values.size,
            transpose=TRANSPOSES.get(chain[first].get(ORIENTATION, 1)),
            pages=page_count,
        )
    check_pixels(*picture.size)
    size = picture.size
    picture.load()
    return StoredPicture(picture=picture, size=size, transpose=transpose_of(picture), pages=page_count)
