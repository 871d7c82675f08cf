"""JPEG XL, with the jxl extra. Source: ISO/IEC 18181-1, annex A; 18181-2."""

from __future__ import annotations

from typing import BinaryIO

from daemon.errors import NotAllowedError, UnreadableError
from daemon.media.clip import DecodePlan
from daemon.media.formats import heif_boxes as boxes
from daemon.media.optional_libraries import pillow_jxl
from daemon.media.picture.orientation import transpose_of
from daemon.media.picture.stored_picture import StoredPicture, check_pixels, open_picture

ADVICE = "Install smolwatch with the jxl extra: pip install 'smolwatch[jxl]'."
#: The decoder uses 32-bit floats, three or four per pixel, and keeps several copies.
MAX_PIXELS = 50_000_000
#: The beginning of a codestream.
SIGNATURE = b"\xff\x0a"
#: Boxes with the codestream or its parts, and the number of bytes before it.
CODESTREAM_BOXES = {b"jxlc": 0, b"jxlp": 4}
#: Width to height, for the ratio codes 1 to 7.
RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))


def load(file: BinaryIO, plan: DecodePlan) -> StoredPicture:
    """Raises NotAllowedError if the extra is not installed."""
    if pillow_jxl is None:
        raise NotAllowedError("This installation cannot open JPEG XL pictures.", advice=ADVICE)
    size = size_of(file)
    if size is None:
        raise UnreadableError("The picture is damaged or incomplete.")
    check_pixels(*size, MAX_PIXELS)  # opening it decodes the picture
    picture = open_picture(file, "JXL")
    picture.load()
    # The decoder applies the orientation, except to recompressed JPEG files, which it restores as JPEG.
    transpose = transpose_of(picture) if getattr(picture, "jpeg", False) else None
    return StoredPicture(picture=picture, size=picture.size, transpose=transpose)


def size_of(file: BinaryIO) -> tuple[int, int] | None:
    """Width and height, from the first bits of the codestream."""
    file.seek(0)
    head = file.read(16)
    if not head.startswith(SIGNATURE):
        box = next(boxes.top(file, CODESTREAM_BOXES, 20), None)
        head = box.content[CODESTREAM_BOXES[box.name] :] if box is not None else b""
    return parse_size(head[2:]) if head.startswith(SIGNATURE) else None


def parse_size(head: bytes) -> tuple[int, int]:
    bits = BitReader(head)
    small = bits.take(1)
    height = 8 * (bits.take(5) + 1) if small else bits.size()
    ratio = bits.take(3)
    if ratio:
        numerator, denominator = RATIOS[ratio - 1]
        return height * numerator // denominator, height
    return (8 * (bits.take(5) + 1) if small else bits.size()), height


class BitReader:
    """Reads numbers from bytes, lowest bits first; zeros past the end."""

    def __init__(self, content: bytes) -> None:
        self._rest = int.from_bytes(content, "little")

    def take(self, count: int) -> int:
        value = self._rest & ((1 << count) - 1)
        self._rest >>= count
        return value

    def size(self) -> int:
        return self.take((9, 13, 18, 30)[self.take(2)]) + 1
