"""Raw files as cameras of several makers write them: the sensor's values, with or without JPEG previews."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from tests.support.media.formats.tiffs import (
    BITS,
    CFA_PATTERN,
    CFA_SIZE,
    COMPRESSION,
    DNG_VERSION,
    HEIGHT,
    MAKE,
    ORIENTATION,
    PHOTOMETRIC,
    ROWS,
    SAMPLES,
    SUBFILE,
    WIDTH,
    Folder,
    Value,
    tiff,
)

RGB, YCBCR, CFA = 2, 6, 32803
THUMB = (160, 120)


def jpeg(picture: Image.Image) -> bytes:
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=92)
    return content.getvalue()


def sized(picture: Image.Image) -> dict[int, Value]:
    return {WIDTH: picture.width, HEIGHT: picture.height}


def thumbnail(picture: Image.Image, make: str, orientation: int) -> Folder:
    """A small uncompressed RGB picture: what a plain TIFF reader finds first."""
    small = picture.resize(THUMB)
    tags: dict[int, Value] = {
        SUBFILE: 1,
        BITS: [8, 8, 8],
        COMPRESSION: 1,
        PHOTOMETRIC: RGB,
        SAMPLES: 3,
        ROWS: small.height,
    }
    return Folder(sized(small) | tags | {MAKE: make, ORIENTATION: orientation}, strip=small.tobytes())


def sensor(picture: Image.Image, compression: int = 1) -> Folder:
    values = np.asarray(picture.convert("L")).astype("<u2") * 16
    tags: dict[int, Value] = {
        SUBFILE: 0,
        BITS: 16,
        COMPRESSION: compression,
        PHOTOMETRIC: CFA,
        SAMPLES: 1,
        ROWS: picture.height,
    }
    return Folder(sized(picture) | tags | {CFA_SIZE: [2, 2], CFA_PATTERN: b"\0\1\1\2"}, strip=values.tobytes())


def dng(picture: Image.Image, *, preview: bool, orientation: int = 1) -> bytes:
    """Adobe DNG: sub-directories of the thumbnail have the sensor's values, and a preview as a strip."""
    first = thumbnail(picture, "ACME", orientation)
    first.tags[DNG_VERSION] = b"\1\4\0\0"
    first.below.append(sensor(picture))
    if preview:
        tags: dict[int, Value] = {
            SUBFILE: 1,
            BITS: [8, 8, 8],
            COMPRESSION: 7,
            PHOTOMETRIC: YCBCR,
            SAMPLES: 3,
            ROWS: picture.height,
        }
        first.below.append(Folder(sized(picture) | tags, strip=jpeg(picture)))
    return tiff([first])


def sensor_first_dng(picture: Image.Image, *, preview: bool, orientation: int = 1) -> bytes:
    only = sensor(picture)
    only.tags |= {DNG_VERSION: b"\1\4\0\0", MAKE: "ACME", ORIENTATION: orientation}
    if preview:
        only.below.append(Folder({SUBFILE: 1, COMPRESSION: 6}, jpeg=jpeg(picture)))
    return tiff([only])


def nef(picture: Image.Image, *, preview: bool, orientation: int = 1) -> bytes:
    """Nikon NEF: the preview has an offset, but no size."""
    first = thumbnail(picture, "NIKON CORPORATION", orientation)
    if preview:
        first.below.append(Folder({SUBFILE: 1, COMPRESSION: 6}, jpeg=jpeg(picture)))
    first.below.append(sensor(picture, compression=34713))
    return tiff([first])


def cr2(picture: Image.Image, *, preview: bool, orientation: int = 1) -> bytes:
    """Canon CR2: the preview is the strip of the first directory; the next one has a thumbnail."""
    folders = [Folder({COMPRESSION: 6}, jpeg=jpeg(picture.resize(THUMB))), sensor(picture, compression=6)]
    if preview:
        tags: dict[int, Value] = {BITS: [8, 8, 8], COMPRESSION: 6, MAKE: "Canon", ORIENTATION: orientation}
        folders.insert(0, Folder(sized(picture) | tags, strip=jpeg(picture)))
    else:
        folders[0].tags[MAKE] = "Canon"
    return tiff(folders, after=b"CR\2\0" + bytes(4))


def arw(picture: Image.Image, *, preview: bool, orientation: int = 1) -> bytes:
    """Sony ARW: the first directory is the preview, by its offset."""
    tags: dict[int, Value] = {SUBFILE: 1, COMPRESSION: 6, MAKE: "SONY", ORIENTATION: orientation}
    first = Folder(tags, jpeg=jpeg(picture if preview else picture.resize(THUMB)), below=[sensor(picture, 32767)])
    return tiff([first])


RAWS = {"a.dng": dng, "sensor-first.dng": sensor_first_dng, "a.nef": nef, "a.cr2": cr2, "a.arw": arw}
