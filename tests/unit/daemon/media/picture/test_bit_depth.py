from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from daemon.media.picture import bit_depth
from daemon.media.picture.bit_depth import ValueRange, to_8_bits
from tests.support.clips import read
from tests.support.media.tiny_raws import Directory, save_raw


def row(picture: Image.Image) -> list[int]:
    values: list[int] = np.asarray(to_8_bits(picture))[0].tolist()
    return values


@pytest.mark.parametrize("order", ["<", ">"])
def test_of_sixteen_bits_the_upper_eight_are_kept(order: str) -> None:
    values = np.array([[0, 255, 256, 40000, 65535]], f"{order}u2")
    assert row(Image.fromarray(values)) == [0, 0, 1, 156, 255]


def test_fractions_from_0_to_1_mean_black_to_white() -> None:
    """Even if no value is exactly black or white."""
    assert row(Image.fromarray(np.array([[0.25, 0.5, 0.75]], np.float32))) == [64, 128, 191]


def test_of_other_ranges_the_least_is_black_and_the_greatest_white() -> None:
    assert row(Image.fromarray(np.array([[-1, 0, 3]], np.float32))) == [0, 64, 255]
    assert row(Image.fromarray(np.array([[100, 120, 200]], np.int32))) == [0, 51, 255]


def test_what_is_no_number_is_black_and_what_is_infinite_white() -> None:
    assert row(Image.fromarray(np.array([[np.nan, -np.inf, 0.5, np.inf]], np.float32))) == [0, 0, 128, 255]
    assert row(Image.fromarray(np.full((1, 2), np.nan, np.float32))) == [0, 0]


def test_one_even_grey_is_no_error() -> None:
    assert row(Image.fromarray(np.full((1, 3), 7, np.int32))) == [255, 255, 255]
    assert ValueRange.of(iter([])) == ValueRange(0.0, 1.0)


def test_large_pictures_are_converted_in_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.linspace(-1, 1, 7 * 5, dtype=np.float32).reshape(7, 5)
    whole = np.asarray(to_8_bits(Image.fromarray(values)))
    monkeypatch.setattr(bit_depth, "CHUNK", 11)
    assert np.array_equal(np.asarray(to_8_bits(Image.fromarray(values))), whole)


def test_where_white_is_zero_a_tiff_is_inverted(tmp_path: Path) -> None:
    tags: dict[int, Sequence[int]] = {256: [2], 257: [1], 258: [16], 259: [1], 262: [0], 277: [1], 278: [1]}
    path = save_raw(tmp_path / "a.tiff", Directory(tags, [np.array([0, 65535], "<u2").tobytes()]))
    assert read(path).pictures[0][0, :, 0].tolist() == [255, 0]


def test_twelve_bits_of_an_x_ray_span_black_to_white(tmp_path: Path) -> None:
    tags: dict[int, Sequence[int]] = {256: [2], 257: [1], 258: [12], 259: [1], 262: [1], 277: [1], 278: [1]}
    path = save_raw(tmp_path / "a.tiff", Directory(tags, [b"\x00\x0f\xff"]))
    assert read(path).pictures[0][0, :, 0].tolist() == [0, 255]
