"""Camera raw files: by the preview that the camera embedded, or developed by LibRaw."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from typing import BinaryIO

import numpy as np
from PIL import Image

from daemon.errors import NotAllowedError, TooLargeError
from daemon.media.clip import SMALL_PREVIEW, DecodePlan, Pixels
from daemon.media.formats import tiff_directories as tags
from daemon.media.formats.jpeg import unpack
from daemon.media.formats.previews import Preview, previews
from daemon.media.formats.tiff_directories import Directory, directories, with_first_directory
from daemon.media.optional_libraries import rawpy
from daemon.media.picture.orientation import DECODE_ERRORS, SWAPS_AXES, TRANSPOSES, UPRIGHT, orientation_of
from daemon.media.picture.stored_picture import LARGE_PIXELS, StoredPicture, check_pixels, open_picture

REFUSAL = "It is a camera raw file without a preview, which smolwatch does not open."
ADVICE = "Install smolwatch with the raw extra: pip install 'smolwatch[raw]'."
#: A preview whose longer edge is shorter than this is a thumbnail. It is used only if the file cannot be developed, and
#: `quality` states it then.
MIN_PREVIEW_EDGE = 500
#: A preview with at least this share of the sensor's size counts as the full picture, cropped by the camera.
FULL_SIZE_SHARE = 0.9
#: A larger file is not read.
MAX_BYTES = 600 * 1024**2

#: Target level for the brightest 1 % of a developed picture, and the maximum gain.
BRIGHT_LEVEL, MAX_GAIN = 250.0, 6.0

FORMAT = "raw"
#: PHOTOMETRIC of pictures in RGB or YCbCr.
COLOURS = frozenset({2, 6})
CANON_MARK = slice(8, 10), b"CR"
#: In a CR3 file, the directory of the main picture follows this name.
CANON_DIRECTORY = b"CMT1"


def is_raw(file: BinaryIO, found: Sequence[Directory]) -> bool:
    """Whether a TIFF file is a camera raw file: it has a DNG version, sensor data, or Canon's mark."""
    file.seek(0)
    place, mark = CANON_MARK
    return file.read(16)[place] == mark or any(
        directory.is_sensor or tags.DNG_VERSION in directory.tags for directory in found
    )


def load(file: BinaryIO, plan: DecodePlan, found: Sequence[Directory] = ()) -> StoredPicture:
    """`found`: the file's directories, if any. Raises NotAllowedError if there is no picture that can be decoded."""
    file.seek(0)
    content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise TooLargeError(f"The camera raw file is too large; the limit is {MAX_BYTES // 1024**2} MB.")
    every = candidates(content, found)
    large = [preview for preview in every if max(preview.size) >= MIN_PREVIEW_EDGE]
    if (preview := first_decodable(large, content, found, plan)) is not None:
        return preview
    refusal = NotAllowedError(REFUSAL, advice=ADVICE)
    if rawpy is not None:
        try:
            return develop(content, plan)
        except NotAllowedError as error:
            refusal = error
    thumbnail = first_decodable([preview for preview in every if preview not in large], content, found, plan)
    if thumbnail is None:
        raise refusal
    return replace(thumbnail, defects=(SMALL_PREVIEW,))


def first_decodable(
    previews_to_try: Sequence[Preview | Directory], content: bytes, found: Sequence[Directory], plan: DecodePlan
) -> StoredPicture | None:
    """The first of these previews that can be decoded, with the size of the full picture."""
    for candidate in previews_to_try:
        try:
            picture, own_orientation = load_preview(content, candidate, plan)
        except DECODE_ERRORS:  # the next one may be intact
            continue
        size, transpose = size_and_transpose(candidate.size, own_orientation, content, found)
        return StoredPicture(picture=picture, size=size, transpose=transpose, format=FORMAT)
    return None


def candidates(content: bytes, found: Sequence[Directory]) -> list[Preview | Directory]:
    """The previews, largest first, without the tiles and strips of tiled pictures."""
    in_pieces = (directory.tags.get(tag, ()) for directory in found for tag in (tags.TILES, tags.STRIPS))
    pieces = {offset for offsets in in_pieces if len(offsets) > 1 for offset in offsets}
    fit: list[Preview | Directory] = [preview for preview in previews(content) if preview.start not in pieces]
    fit += [preview for preview in found if preview.get(tags.PHOTOMETRIC) in COLOURS]
    return sorted(fit, key=lambda preview: preview.size[0] * preview.size[1], reverse=True)


def load_preview(content: bytes, candidate: Preview | Directory, plan: DecodePlan) -> tuple[Image.Image, int | None]:
    """The preview, and its own orientation tag."""
    if isinstance(candidate, Preview):
        picture = open_picture(io.BytesIO(content[candidate.start : candidate.end]), "JPEG", LARGE_PIXELS)
        unpack(picture, plan)
        return picture, orientation_of(picture)
    picture = open_picture(io.BytesIO(with_first_directory(content, candidate.offset)), "TIFF")
    picture.load()
    return picture, UPRIGHT if tags.ORIENTATION in candidate.tags else None  # Pillow transposed it


def size_and_transpose(
    size: tuple[int, int], own_orientation: int | None, content: bytes, found: Sequence[Directory]
) -> tuple[tuple[int, int], Image.Transpose | None]:
    """Size of the full picture in the preview's orientation, and its transpose: by the preview's tag or the file's."""
    sensor = sensor_size(found) or size
    transpose = TRANSPOSES.get(own_orientation or orientation(content, found))
    if own_orientation is None and transpose in SWAPS_AXES and (sensor[0] > sensor[1]) != (size[0] > size[1]):
        transpose, sensor = None, sensor[::-1]  # the camera rotated it already
    return size if max(size) >= FULL_SIZE_SHARE * max(sensor) else sensor, transpose


def sensor_size(found: Sequence[Directory]) -> tuple[int, int] | None:
    """Size of the largest sensor picture, cropped as the file states; without one, of the largest picture."""
    pictures = [directory for directory in found if directory.is_sensor] or found
    sizes = [directory.crop or directory.size for directory in pictures]
    return max((size for size in sizes if min(size) > 0), key=lambda size: size[0] * size[1], default=None)


def orientation(content: bytes, found: Sequence[Directory]) -> int:
    """The orientation in the first directory, which applies to all."""
    at = content.find(CANON_DIRECTORY, 0, 1 << 16)
    if not found and at >= 0:
        found = directories(io.BytesIO(content[at + 4 : at + 4 + (1 << 16)]))
    return found[0].get(tags.ORIENTATION, UPRIGHT) if found else UPRIGHT


def develop(content: bytes, plan: DecodePlan) -> StoredPicture:
    """By LibRaw; at half size for large pictures, where each 2×2 block has all three colours."""
    try:
        with rawpy.imread(io.BytesIO(content)) as raw:
            sizes = raw.sizes
            size = (sizes.height, sizes.width) if sizes.flip in (5, 6) else (sizes.width, sizes.height)
            check_pixels(*size, LARGE_PIXELS)
            # Without the camera's white balance, LibRaw would use the average of the whole picture.
            pixels = raw.postprocess(
                half_size=max(size) >= 2 * plan.image_edge,
                use_camera_wb=raw.camera_whitebalance[0] > 0,
                no_auto_bright=True,
                output_bps=8,
            )
    except rawpy.LibRawError as error:
        raise NotAllowedError(REFUSAL, detail=str(error)) from error
    return StoredPicture(picture=Image.fromarray(brighten(pixels)), size=size, format=FORMAT)


def brighten(pixels: Pixels) -> Pixels:
    """Scale so that the brightest 1 % is bright. LibRaw's own method makes even backgrounds lose their colour."""
    counts = np.bincount(pixels.max(axis=2).ravel(), minlength=256).cumsum()
    bright = max(float(np.searchsorted(counts, 0.99 * counts[-1])), BRIGHT_LEVEL / MAX_GAIN)
    levels = np.arange(256) * max(BRIGHT_LEVEL / bright, 1.0)
    brighter: Pixels = levels.clip(0, 255).astype(np.uint8)[pixels]
    return brighter
