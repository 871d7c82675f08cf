from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from daemon.errors import NotAllowedError, TooLargeError, UnreadableError
from daemon.media.formats import jxl
from daemon.media.formats.jxl import size_of
from daemon.media.optional_libraries import pillow_jxl
from storage.description import Media
from storage.records import MediaKind
from tests.support.clips import read
from tests.support.media.media_files import some_image
from tests.support.media.odd_profiles import swapped

installed = pytest.mark.skipif(pillow_jxl is None, reason="needs the extra `jxl`")
#: One red pixel, as `cjxl` packs it, bare.
SMALLEST = bytes.fromhex("ff0a000010b00c0800")


def bits(*fields: tuple[int, int]) -> bytes:
    """Numbers with their bit counts, lowest bits first, after the signature."""
    value, at = 0, 0
    for number, count in fields:
        value |= number << at
        at += count
    return b"\xff\x0a" + value.to_bytes(-(-at // 8), "little") + bytes(8)


@pytest.mark.parametrize(
    ("head", "size"),
    [
        (bits((1, 1), (29, 5), (0, 3), (31, 5)), (256, 240)),
        (bits((1, 1), (29, 5), (3, 3)), (320, 240)),
        (bits((0, 1), (0, 2), (239, 9), (0, 3), (0, 2), (320, 9)), (321, 240)),
        (bits((0, 1), (1, 2), (1079, 13), (5, 3)), (1920, 1080)),
        (bits((0, 1), (3, 2), (99_999, 30), (1, 3)), (100_000, 100_000)),
    ],
)
@pytest.mark.parametrize("box", [b"", b"jxlc", b"jxlp"])
def test_the_size_is_known_before_anything_is_unpacked(head: bytes, size: tuple[int, int], box: bytes) -> None:
    content = head
    if box:
        content = (bytes(4) if box == b"jxlp" else b"") + head
        start = b"\0\0\0\x0cJXL \r\n\x87\n" + b"\0\0\0\x14ftypjxl \0\0\0\0jxl "
        content = start + (8 + len(content)).to_bytes(4, "big") + box + content
    assert size_of(io.BytesIO(content)) == size


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"\0\0\0\x0cJXL \r\n\x87\n", b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\x09jxlc\0"]
)
def test_without_a_packed_picture_there_is_no_size(content: bytes) -> None:
    assert size_of(io.BytesIO(content)) is None


def test_without_the_extra_the_advice_is_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jxl, "pillow_jxl", None)
    path = tmp_path / "a.jxl"
    path.write_bytes(SMALLEST)
    with pytest.raises(NotAllowedError, match="JPEG XL") as refused:
        read(path)
    assert "smolwatch[jxl]" in refused.value.advice


@installed
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA"])
def test_a_picture_is_read(tmp_path: Path, mode: str) -> None:
    picture = some_image(3, (320, 240)).convert(mode)
    picture.save(tmp_path / "a.jxl", lossless=True)
    clip = read(tmp_path / "a.jxl")
    assert clip.media == Media(kind=MediaKind.IMAGE, format="jxl", width=320, height=240)
    assert np.abs(clip.pictures[0].astype(int) - np.asarray(picture.convert("RGB"))).max() <= 2


@installed
def test_its_profile_is_applied(tmp_path: Path) -> None:
    Image.new("RGB", (32, 24), (220, 20, 20)).save(tmp_path / "a.jpg", icc_profile=swapped())
    with Image.open(tmp_path / "a.jpg") as picture:
        picture.save(tmp_path / "a.jxl", lossless_jpeg=True)
    assert read(tmp_path / "a.jxl").pictures[0][9, 9].tolist() == pytest.approx([12, 12, 221], abs=4)


@installed
@pytest.mark.parametrize("orientation", [1, 6])
def test_an_embedded_jpeg_is_transposed_by_its_tag(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    some_image(3, (320, 240)).save(tmp_path / "a.jpg", exif=exif)
    with Image.open(tmp_path / "a.jpg") as picture:
        picture.save(tmp_path / "a.jxl", lossless_jpeg=True)
    clip, wanted = read(tmp_path / "a.jxl"), read(tmp_path / "a.jpg")
    assert (clip.media.width, clip.media.height) == (wanted.media.width, wanted.media.height)
    assert np.array_equal(clip.pictures[0], wanted.pictures[0])


@installed
def test_a_picture_that_claims_to_be_huge_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "a.jxl"
    path.write_bytes(bits((0, 1), (3, 2), (99_999, 30), (1, 3)))
    with pytest.raises(TooLargeError, match=r"100000×100000.*limit is 50 megapixels"):
        read(path)


@installed
@pytest.mark.parametrize("kept", [3, 20, 60])
def test_a_torn_file_is_refused_with_a_sentence(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "a.jxl"
    Image.effect_noise((64, 48), 60).save(path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(UnreadableError, match=r"The picture is damaged.*\.$"):
        read(path)
