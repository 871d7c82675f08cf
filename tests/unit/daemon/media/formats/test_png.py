from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from daemon.errors import UnreadableError
from daemon.media.formats.png import coding_and_delays
from daemon.media.picture.colour_profiles import Coding
from tests.support.clips import read
from tests.support.media.media_files import save_image, some_image
from tests.support.media.odd_profiles import swapped

PICTURE = some_image(2, (64, 48))


def chunk(name: bytes, content: bytes, checksum: int | None = None) -> bytes:
    right = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", right if checksum is None else checksum)


def png(extra: bytes, *, late: bool = False, picture: Image.Image = PICTURE) -> bytes:
    """A PNG with extra chunks before or after its image data."""
    made = io.BytesIO()
    picture.save(made, "PNG")
    content = made.getvalue()
    at = content.index(b"IEND" if late else b"IDAT") - 4
    return content[:at] + extra + content[at:]


MUCH = zlib.compress(b"x" * 3_000_000)
EXTRA = {
    "much packed text": chunk(b"zTXt", b"workflow\0\0" + MUCH),
    "much packed international text": chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + MUCH),
    "much text": chunk(b"tEXt", b"a\0" + b"x" * 3_000_000),
    "a great many texts": chunk(b"zTXt", b"a\0\0" + zlib.compress(b"x" * 1_000_000)) * 80,
    "a profile of nothing": chunk(b"iCCP", b"sRGB\0\0" + MUCH),
    "a profile that is not packed": chunk(b"iCCP", b"sRGB\0\0junk"),
    "a text packed in another way": chunk(b"zTXt", b"a\0\7junk"),
    "a wrong checksum of a text": chunk(b"tEXt", b"a\0b", checksum=1),
    "a wrong checksum of a date": chunk(b"tIME", bytes(7), checksum=1),
    "a broken gamma": chunk(b"gAMA", b"\0"),
    "broken chromaticities": chunk(b"cHRM", b"\0" * 9),
    "an unknown chunk": chunk(b"prVt", b"\0" * 100),
}


@pytest.mark.parametrize("name", EXTRA)
@pytest.mark.parametrize("late", [False, True])
def test_what_does_not_matter_for_the_picture_does_not_matter(tmp_path: Path, name: str, late: bool) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png(EXTRA[name], late=late))
    assert np.array_equal(read(path).pictures[0], np.asarray(PICTURE))


def test_texts_that_are_small_enough_are_still_read(tmp_path: Path) -> None:
    """They may contain an orientation."""
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", '<x tiff:Orientation="6"/>')
    PICTURE.save(tmp_path / "a.png", pnginfo=info)
    assert read(tmp_path / "a.png").media.width == 48


@pytest.mark.parametrize("part", [b"IHDR", b"PLTE"])
def test_a_wrong_checksum_of_a_critical_chunk_is_reported(tmp_path: Path, part: bytes) -> None:
    content = bytearray(png(b"", picture=PICTURE.quantize(8)))
    at = content.index(part)
    content[at + 4 + int.from_bytes(content[at - 4 : at], "big")] ^= 0xFF
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(UnreadableError, match="picture is damaged"):
        read(path)


def test_missing_sample_values_are_reported(tmp_path: Path) -> None:
    content = png(b"")
    path = tmp_path / "a.png"
    path.write_bytes(content[: content.index(b"IEND") - 30])
    with pytest.raises(UnreadableError, match="picture is damaged or incomplete"):
        read(path)


def test_a_large_embedded_profile_is_applied(tmp_path: Path) -> None:
    assert read(save_image(tmp_path / "a.png", Image.new("RGB", (8, 8), "red"), icc_profile=swapped())).pictures[0][
        0, 0
    ].tolist() == pytest.approx([0, 0, 255], abs=12)


@pytest.mark.parametrize(("transfer", "white", "least"), [(16, 148, 238), (18, 191, 215)])
def test_hdr_white_is_white(tmp_path: Path, transfer: int, white: int, least: int) -> None:
    path = tmp_path / "a.png"
    hdr = chunk(b"cICP", bytes([9, transfer, 0, 1]))
    path.write_bytes(png(hdr, picture=Image.new("RGB", (8, 8), (white,) * 3)))
    assert read(path).pictures[0].min() >= least


def test_code_points_and_times_are_found() -> None:
    times = b"".join(chunk(b"fcTL", bytes(20) + struct.pack(">HH", *pair) + b"\0\0") for pair in ((1, 4), (3, 0)))
    content = png(chunk(b"cICP", bytes([9, 16, 0, 1])) + times)
    assert coding_and_delays(io.BytesIO(content)) == (Coding(9, 16), [0.25, 0.03])
    assert coding_and_delays(io.BytesIO(content[:49])) == (Coding(9, 16), [])
    assert coding_and_delays(io.BytesIO(png(chunk(b"cICP", b"\x09")))) == (None, [])


def test_sixteen_bits_with_alpha_become_eight_on_white(tmp_path: Path) -> None:
    values = np.zeros((2, 3, 4), ">u2")
    values[..., 0], values[..., 3] = 0xC8FF, (0, 0x8000, 0xFFFF)
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    header = struct.pack(">IIBBBBB", 3, 2, 16, 6, 0, 0, 0)
    path = tmp_path / "a.png"
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )
    assert read(path).pictures[0][0].tolist() == [[255, 255, 255], [227, 127, 127], [200, 0, 0]]
