"""How to transpose a stored picture to make it upright (EXIF 2.32, 4.6.4: tag 274).

Not by `ImageOps.exif_transpose`: it works on the full size and by EXIF only. Transposing after shrinking is cheaper
(and up to 3 of 255 different for the sideways orientations); HEIC, JPEG XL and raw files have rules of their own.
"""

from __future__ import annotations

import struct

from PIL import Image

ORIENTATION = 0x0112
UPRIGHT = 1
TRANSPOSES = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
#: These swap width and height.
SWAPS_AXES = frozenset(TRANSPOSES[orientation] for orientation in (5, 6, 7, 8))
#: Exceptions of the libraries for files that they cannot read.
DECODE_ERRORS = (OSError, ValueError, SyntaxError, EOFError, RuntimeError, LookupError, TypeError, struct.error)


def transpose_of(picture: Image.Image) -> Image.Transpose | None:
    """By the camera's orientation tag; None if it is missing, upright, or unreadable."""
    return TRANSPOSES.get(orientation_of(picture) or UPRIGHT)


def orientation_of(picture: Image.Image) -> int | None:
    """The orientation tag; None if it is missing or unreadable."""
    try:
        number = picture.getexif().get(ORIENTATION)
    except (*DECODE_ERRORS, MemoryError):
        return None
    return number if isinstance(number, int) else None


def transpose_in_exif(exif: bytes | None) -> Image.Transpose | None:
    """`transpose_of` for EXIF data without a picture."""
    picture = Image.new("1", (1, 1))
    picture.info["exif"] = exif or b""
    return transpose_of(picture)


def upright_size(size: tuple[int, int], transpose: Image.Transpose | None) -> tuple[int, int]:
    """Width and height after the transpose."""
    return size[::-1] if transpose in SWAPS_AXES else size
