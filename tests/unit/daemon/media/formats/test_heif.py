from __future__ import annotations

from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from daemon.errors import TooLargeError, UnreadableError
from daemon.media.formats import heif
from daemon.media.picture.orientation import TRANSPOSES
from storage.description import Media
from storage.records import MediaKind
from tests.support.bombs import heic_of
from tests.support.clips import plan, read
from tests.support.media.heif import recoded, save_deep_heic, save_heic_sequence, save_tagged
from tests.support.media.media_files import save_image, some_frames, some_image

FORMATS = {"HEIF": "heif", "AVIF": "avif"}


def corner() -> Image.Image:
    picture = Image.new("RGB", (128, 64), "black")
    picture.paste("red", (0, 0, 64, 32))
    return picture


def distance(pixels: np.ndarray, picture: Image.Image) -> float:
    other = np.asarray(picture.convert("RGB")).astype(int)
    assert pixels.shape == other.shape
    return float(np.abs(pixels - other).mean())


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_orientation_tag_counts_without_irot_and_imir(tmp_path: Path, format: str, orientation: int) -> None:
    path = save_tagged(tmp_path / "a", corner(), format, tag=orientation)
    shown = corner().transpose(TRANSPOSES[orientation]) if orientation > 1 else corner()
    clip = read(path)
    assert (clip.media.width, clip.media.height) == shown.size
    assert distance(clip.pictures[0], shown) < 5


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("turned", range(2, 9))
def test_an_orientation_tag_is_ignored_with_irot_or_imir(tmp_path: Path, format: str, turned: int) -> None:
    path = save_tagged(tmp_path / "a", corner(), format, tag=turned % 8 + 1, turned=turned)
    assert distance(read(path).pictures[0], corner().transpose(TRANSPOSES[turned])) < 5


def test_an_orientation_in_data_that_cannot_be_read_rotates_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save_tagged(tmp_path / "a.avif", corner(), "AVIF", tag=6)

    def broken(*_: object) -> None:
        raise ValueError("no")

    monkeypatch.setattr(pillow_heif, "HeifFile", broken)
    assert read(path).media.width == 128


@pytest.mark.parametrize("turned", [1, 6])
def test_tiles_are_put_together(tmp_path: Path, turned: int) -> None:
    picture = some_image(3, (640, 400))
    path = save_image(tmp_path / "a.heic", picture, orientation=turned, tile_size=256)
    shown = picture.transpose(TRANSPOSES[turned]) if turned > 1 else picture
    assert distance(read(path).pictures[0], shown) < 5


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA"])
@pytest.mark.parametrize("format", FORMATS)
def test_grey_and_alpha_are_shown(tmp_path: Path, mode: str, format: str) -> None:
    picture = corner().convert(mode)
    if mode != "L":
        picture.putalpha(128)
    layer = picture.convert("RGBA")
    shown = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    assert distance(read(save_image(tmp_path / "a", picture, format)).pictures[0], shown) < 5


def test_ten_bits_become_eight(tmp_path: Path) -> None:
    path = save_deep_heic(tmp_path / "a.heic", corner(), primaries=1, transfer=13)
    assert distance(read(path).pictures[0], corner()) < 5


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(("transfer", "white", "least"), [(16, 148, 238), (18, 191, 215)])
def test_hdr_white_is_white(tmp_path: Path, format: str, transfer: int, white: int, least: int) -> None:
    picture = Image.new("RGB", (64, 48), (white,) * 3)
    if format == "HEIF":
        path = save_deep_heic(tmp_path / "a", picture, transfer=transfer)
    else:
        path = recoded(save_image(tmp_path / "a", picture, format, quality=95), 9, transfer)
    assert read(path).pictures[0].min() >= least


def test_of_several_pictures_the_main_one_is_shown(tmp_path: Path) -> None:
    made = pillow_heif.from_pillow(Image.new("RGB", (64, 64), "blue"))
    made.add_from_pillow(corner())
    made.save(tmp_path / "a.heic", primary_index=1)
    clip = read(tmp_path / "a.heic")
    assert distance(clip.pictures[0], corner()) < 5
    assert clip.media.kind is MediaKind.IMAGE and clip.media.pages is None


def test_a_sequence_is_a_clip(tmp_path: Path) -> None:
    clip = read(save_heic_sequence(tmp_path / "a.heics", some_frames(24, 1, (64, 48))))
    assert clip.media == Media(
        kind=MediaKind.VIDEO, format="heif", width=64, height=48, seconds=3.0, frame_rate=8.0, frames_seen=3
    )


def test_a_picture_of_many_tiles_may_be_larger_than_one_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is averaged while it is copied, so that memory never holds it twice."""
    monkeypatch.setattr(heif, "MAX_PIXELS", 100_000)
    monkeypatch.setattr(heif, "ROWS", 16)
    picture = some_image(3, (641, 401))
    path = save_image(tmp_path / "tiles.heic", picture, tile_size=128)
    clip = read(path, plan(image_edge=100))
    assert (clip.media.width, clip.media.height) == (641, 401)
    small = picture.resize((clip.pictures[0].shape[1], clip.pictures[0].shape[0]), Image.Resampling.LANCZOS)
    assert clip.pictures[0].shape[1] == 100
    assert distance(clip.pictures[0], small) < 4
    with pytest.raises(TooLargeError, match="641×401"):
        read(save_image(tmp_path / "one.heic", picture))


@pytest.mark.parametrize(("size", "limit"), [((12_000, 9_000), 100), ((60_000, 60_000), 100)])
def test_one_coded_picture_that_claims_to_be_huge_is_refused(tmp_path: Path, size: tuple[int, int], limit: int) -> None:
    path = tmp_path / "a.heic"
    path.write_bytes(heic_of(tmp_path, *size))
    with pytest.raises(TooLargeError, match=f"{size[0]}×{size[1]}.*limit is {limit} megapixels"):
        read(path)


@pytest.mark.parametrize("format", FORMATS)
def test_reasons_are_for_people_and_the_librarys_words_are_kept_apart(tmp_path: Path, format: str) -> None:
    path = save_image(tmp_path / "a", corner(), format)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UnreadableError) as refused:
        read(path)
    assert str(refused.value) == "The picture is damaged or incomplete."
    assert "Error: " in refused.value.detail
