from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import tifffile

from daemon.errors import TooLargeError, UnreadableError
from daemon.media.formats import tiff_directories as tags
from tests.support.clips import read
from tests.support.media.media_files import some_image
from tests.support.media.tiny_raws import Directory, save_raw

PICTURE = np.asarray(some_image(3, (70, 50)))
GREY = np.asarray(some_image(3, (70, 50)).convert("L"))


def close(pixels: np.ndarray, wanted: np.ndarray) -> bool:
    shown = wanted if wanted.ndim == 3 else np.repeat(wanted[..., None], 3, axis=2)
    return pixels.shape == shown.shape and int(np.abs(pixels.astype(int) - shown).max()) <= 1


@pytest.mark.parametrize("kind", ["f2", "f4", "f8", "u4"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("packed", [None, "deflate"])
def test_values_of_many_bits_in_several_colours_are_read(
    tmp_path: Path, kind: str, order: Literal["<", ">"], packed: str | None
) -> None:
    scale = (2**32 - 1) / 255 if kind == "u4" else 1 / 255
    values = (PICTURE.astype(np.float64) * scale).astype(np.dtype(order + kind))
    path = tmp_path / "a.tiff"
    with tifffile.TiffWriter(path, byteorder=order) as file:
        file.write(values, photometric="rgb", compression=packed, metadata=None)
    assert close(read(path).pictures[0], PICTURE)


@pytest.mark.parametrize(
    "options", [{"tile": (32, 32)}, {"rowsperstrip": 7}, {"tile": (16, 48), "compression": "deflate"}]
)
@pytest.mark.parametrize("planes", [False, True])
def test_strips_tiles_and_planes_are_put_together(tmp_path: Path, options: dict[str, Any], planes: bool) -> None:
    values = PICTURE.astype(np.float32) / 255
    if planes:
        values, options = np.ascontiguousarray(values.transpose(2, 0, 1)), options | {"planarconfig": "separate"}
    tifffile.imwrite(tmp_path / "a.tiff", values, photometric="rgb", metadata=None, **options)
    assert close(read(tmp_path / "a.tiff").pictures[0], PICTURE)


@pytest.mark.parametrize("kind", [np.float16, np.float64])
def test_grey_of_other_fractions_is_read(tmp_path: Path, kind: type[np.floating]) -> None:
    tifffile.imwrite(tmp_path / "a.tiff", (GREY / 255).astype(kind), photometric="minisblack", metadata=None)
    assert close(read(tmp_path / "a.tiff").pictures[0], GREY)
    tifffile.imwrite(tmp_path / "b.tiff", (1 - GREY / 255).astype(kind), photometric="miniswhite", metadata=None)
    assert close(read(tmp_path / "b.tiff").pictures[0], GREY)


def test_grey_of_sixteen_bits_with_alpha_shows_on_white(tmp_path: Path) -> None:
    alpha = np.full_like(GREY, 255)
    alpha[:, :35] = 0
    values = np.dstack([GREY, alpha]).astype(np.uint16) * 257
    path = tmp_path / "a.tiff"
    tifffile.imwrite(path, values, photometric="minisblack", extrasamples=["unassalpha"], metadata=None)
    assert close(read(path).pictures[0], np.where(alpha > 0, GREY, 255))


def test_fractions_of_light_beyond_white_are_brought_into_range(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.tiff", np.array([[[0, 0, 0], [4, 2, 0]]], np.float32), photometric="rgb", metadata=None
    )
    assert read(tmp_path / "a.tiff").pictures[0].tolist() == [[[0, 0, 0], [255, 128, 0]]]


def float_tiff(content: bytes, **more: int) -> Directory:
    shape: dict[int, Sequence[int]] = {
        256: [4],
        257: [2],
        258: [32, 32, 32],
        259: [1],
        262: [2],
        277: [3],
        278: [2],
        339: [3, 3, 3],
    }
    names = {"predictor": 317, "compression": 259, "width": 256}
    return Directory(shape | {names[name]: [value] for name, value in more.items()}, [content])


def test_differences_of_values_and_of_bytes_are_added_up(tmp_path: Path) -> None:
    values = (np.arange(24, dtype="<f4") / 23).reshape(2, 4, 3)
    shown = read(save_raw(tmp_path / "a.tiff", float_tiff(values.tobytes()))).pictures[0]
    whole = values.view("<u4")
    differences = np.concatenate([whole[:, :1], np.diff(whole, axis=1)], axis=1)
    path = save_raw(tmp_path / "b.tiff", float_tiff(differences.tobytes(), predictor=2))
    assert np.array_equal(read(path).pictures[0], shown)
    by_byte = values.astype(">f4").view(np.uint8).reshape(2, 12, 4).swapaxes(1, 2).reshape(2, -1, 3)
    differences = np.concatenate([by_byte[:, :1], np.diff(by_byte, axis=1)], axis=1)
    path = save_raw(tmp_path / "c.tiff", float_tiff(differences.tobytes(), predictor=3))
    assert np.array_equal(read(path).pictures[0], shown)


@pytest.mark.parametrize("more", [{"predictor": 9}, {"compression": 5}, {"width": 0}])
def test_other_ways_of_packing_are_refused(tmp_path: Path, more: dict[str, int]) -> None:
    with pytest.raises(UnreadableError):
        read(save_raw(tmp_path / "a.tiff", float_tiff(bytes(96), **more)))


def test_missing_values_are_reported(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="picture is damaged or incomplete"):
        read(save_raw(tmp_path / "a.tiff", float_tiff(bytes(90))))


def test_a_picture_that_claims_to_be_huge_is_refused(tmp_path: Path) -> None:
    huge = float_tiff(bytes(96))
    huge.tags |= {tags.WIDTH: [20_000], tags.HEIGHT: [20_000]}
    with pytest.raises(TooLargeError, match="20000×20000"):
        read(save_raw(tmp_path / "a.tiff", huge))


def test_an_orientation_tag_is_obeyed(tmp_path: Path) -> None:
    turned = float_tiff((np.arange(24, dtype="<f4") / 23).tobytes())
    turned.tags |= {tags.ORIENTATION: [6]}
    clip = read(save_raw(tmp_path / "a.tiff", turned))
    assert (clip.media.width, clip.media.height) == (2, 4)
