from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from daemon.errors import TooLargeError, UnreadableError
from storage.description import Media
from storage.records import MediaKind
from tests.support.clips import read
from tests.support.media.media_files import save_image, some_image
from tests.support.media.tiny_raws import Directory, rgb, save_raw

PAGE, SMALL = some_image(3, (160, 120)), some_image(3, (40, 30))


def test_the_first_page_is_decoded_and_all_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.tiff"
    PAGE.save(path, save_all=True, append_images=[some_image(4, (64, 48)), some_image(5, (32, 24))])
    clip = read(path)
    assert clip.media == Media(kind=MediaKind.IMAGE, format="tiff", width=160, height=120, pages=3)
    assert np.array_equal(clip.pictures[0], np.asarray(PAGE))


def test_one_page_is_not_counted(tmp_path: Path) -> None:
    assert read(save_image(tmp_path / "a.tiff", PAGE)).media.pages is None


def test_thumbnails_and_masks_are_no_pages(tmp_path: Path) -> None:
    mask = rgb(SMALL, subfile=4)
    assert read(save_raw(tmp_path / "a.tiff", rgb(PAGE), rgb(SMALL, subfile=1), mask)).media.pages is None
    assert read(save_raw(tmp_path / "b.tiff", rgb(PAGE), rgb(SMALL, old_subfile=2), rgb(PAGE))).media.pages == 2


def test_a_thumbnail_in_front_is_passed_over(tmp_path: Path) -> None:
    clip = read(save_raw(tmp_path / "a.tiff", rgb(SMALL, subfile=1), rgb(PAGE), rgb(PAGE)))
    assert (clip.media.width, clip.media.pages) == (160, 2)
    assert np.array_equal(clip.pictures[0], np.asarray(PAGE))


def test_a_thumbnail_alone_is_a_picture(tmp_path: Path) -> None:
    assert read(save_raw(tmp_path / "a.tiff", rgb(SMALL, subfile=1))).media.width == 40


@pytest.mark.parametrize("packed", [None, "deflate"])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_colours_in_planes_are_put_together(tmp_path: Path, packed: str | None, kind: type[np.unsignedinteger]) -> None:
    values = np.asarray(PAGE).astype(kind) * (1 if kind is np.uint8 else 257)
    path = tmp_path / "a.tiff"
    planes = np.ascontiguousarray(values.transpose(2, 0, 1))
    tifffile.imwrite(path, planes, photometric="rgb", planarconfig="separate", compression=packed)
    assert np.array_equal(read(path).pictures[0], np.asarray(PAGE))


def test_a_page_behind_the_first_may_be_of_a_kind_that_cannot_be_read(tmp_path: Path) -> None:
    odd = Directory({256: [4], 257: [4], 258: [7], 259: [1], 262: [99], 277: [1], 278: [4]}, [bytes(16)])
    assert read(save_raw(tmp_path / "a.tiff", rgb(PAGE), odd)).media.pages == 2
    with pytest.raises(UnreadableError, match="of a variant that smolwatch cannot read"):
        read(save_raw(tmp_path / "b.tiff", odd, rgb(PAGE)))


def test_a_page_that_claims_to_be_huge_is_refused(tmp_path: Path) -> None:
    huge = rgb(SMALL)
    huge.tags |= {256: [20_000], 257: [20_000]}
    for name, row in (("a", [huge]), ("b", [rgb(SMALL, subfile=1), huge])):
        with pytest.raises(TooLargeError, match="20000×20000"):
            read(save_raw(tmp_path / f"{name}.tiff", *row))


@pytest.mark.parametrize("orientation", [3, 6])
def test_the_display_size_is_reported(tmp_path: Path, orientation: int) -> None:
    size = read(save_image(tmp_path / "a.tiff", PAGE, orientation=orientation)).media
    assert (size.width, size.height) == ((160, 120) if orientation == 3 else (120, 160))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I;16", "I", "F"])
def test_every_mode_that_pillow_writes_is_read(tmp_path: Path, mode: str) -> None:
    picture = Image.new("RGB", (40, 30), "white").convert(mode if mode[0] not in "IF" else "L")
    if mode in {"I", "F"}:
        picture = picture.convert(mode)
    elif mode == "I;16":
        picture = Image.new(mode, (40, 30), 65535)
    pixels = read(save_image(tmp_path / "a.tiff", picture)).pictures[0]
    assert pixels.min() >= 253
