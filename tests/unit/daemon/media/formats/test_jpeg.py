from __future__ import annotations

import io
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from daemon.errors import TooLargeError, UnreadableError
from daemon.media.formats import jpeg
from tests.support.clips import plan, read
from tests.support.media.media_files import save_image, some_image

VARIETIES: dict[str, dict[str, Any]] = {
    "baseline": {},
    "progressive": {"progressive": True},
    "restarting": {"restart_marker_rows": 1},
    "with colours as fine as light": {"subsampling": 0},
}
PICTURES = {
    "drawn": some_image(3, (161, 119)),
    "noisy": Image.frombytes("RGB", (161, 119), random.Random(1).randbytes(161 * 119 * 3)),
    "grey": some_image(4, (161, 119)).convert("L"),
    "of inks": some_image(5, (161, 119)).convert("CMYK"),
}


def jpeg_of(picture: Image.Image, options: dict[str, Any]) -> bytes:
    made = io.BytesIO()
    picture.save(made, "JPEG", quality=90, **options)
    return made.getvalue()


@pytest.mark.parametrize("variety", VARIETIES)
@pytest.mark.parametrize("picture", PICTURES)
@pytest.mark.parametrize("ending", [b"", b"\xff", bytes(300)])
def test_a_missing_end_marker_is_no_damage(tmp_path: Path, variety: str, picture: str, ending: bytes) -> None:
    """Also with half an end marker, or allocated space that was never written."""
    whole = jpeg_of(PICTURES[picture], VARIETIES[variety])
    path = tmp_path / "a.jpg"
    path.write_bytes(whole[:-2] + ending)
    shown = np.asarray(Image.open(io.BytesIO(whole)).convert("RGB"))
    assert np.array_equal(read(path).pictures[0], shown)


@pytest.mark.parametrize("variety", VARIETIES)
@pytest.mark.parametrize("picture", PICTURES)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_missing_rows_are_reported(tmp_path: Path, variety: str, picture: str, share: float) -> None:
    whole = jpeg_of(PICTURES[picture], VARIETIES[variety])
    values = whole.index(b"\xff\xda")
    path = tmp_path / "a.jpg"
    path.write_bytes(whole[: values + round(share * (len(whole) - values))])
    with pytest.raises(UnreadableError) as refused:
        read(path)
    assert str(refused.value) == "The picture is damaged or incomplete."
    assert "truncated" in refused.value.detail


def test_what_stands_for_missing_values_holds_no_marker() -> None:
    assert all(tail.count(0xFF) == 1 and tail.endswith(b"\xff\xd9") for tail in jpeg.TAILS)


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_very_large_picture_is_unpacked_at_a_fraction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, orientation: int
) -> None:
    """Its own size is reported; its content is the same as without the reduction."""
    path = save_image(tmp_path / "a.jpg", some_image(1, (1600, 1200)), quality=95, orientation=orientation)
    plain = read(path, plan(image_edge=200))
    monkeypatch.setattr(jpeg, "MAX_PIXELS", 1_000_000)
    large = read(path, plan(image_edge=200))
    with path.open("rb") as file:
        assert jpeg.load(file, plan(image_edge=200)).picture.size == (200, 150)
    assert large.media == plain.media
    assert np.abs(large.pictures[0].astype(int) - plain.pictures[0]).mean() < 2


@pytest.mark.parametrize(
    ("edge", "size"), [(2048, (1600, 1200)), (800, (800, 600)), (401, (800, 600)), (1, (200, 150))]
)
def test_it_stays_as_large_as_requested(tmp_path: Path, edge: int, size: tuple[int, int]) -> None:
    path = save_image(tmp_path / "a.jpg", some_image(1, (1600, 1200)))
    with Image.open(path) as picture:
        jpeg.unpack(picture, plan(image_edge=2 * edge).smaller())
        assert picture.size == size


def test_there_is_a_limit_all_the_same(tmp_path: Path) -> None:
    content = bytearray(jpeg_of(some_image(1, (64, 48)), {}))
    at = content.index(b"\xff\xc0") + 5
    content[at : at + 4] = (20_000).to_bytes(2, "big") + (20_000).to_bytes(2, "big")
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    with pytest.raises(TooLargeError, match=r"20000×20000.*limit is 250 megapixels"):
        read(path)


@pytest.mark.parametrize("as_brightness", [False, True])
def test_inks_as_photoshop_writes_them_keep_their_colours(tmp_path: Path, as_brightness: bool) -> None:
    """Inverted; in CMYK, or as YCCK."""
    inks = (0, 215, 215, 35)
    if as_brightness:
        pixel = Image.new("RGB", (1, 1), inks[:3]).convert("YCbCr").getpixel((0, 0))
        assert isinstance(pixel, tuple)
        inks = (255 - pixel[0], 255 - pixel[1], 255 - pixel[2], 35)
    content = bytearray(jpeg_of(Image.new("CMYK", (32, 32), inks), {}))
    content[content.index(b"Adobe") + 11] = 2 * as_brightness
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    assert read(path).pictures[0][16, 16].tolist() == pytest.approx([220, 34, 34], abs=6)


def test_of_a_file_of_several_pictures_the_first_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    some_image(1).save(path, "MPO", save_all=True, append_images=[some_image(2, (64, 48))])
    clip = read(path)
    assert (clip.media.format, clip.media.width, clip.media.pages) == ("jpeg", 320, None)
