from __future__ import annotations

import io

import pytest
from PIL import Image

from daemon.media.picture.orientation import (
    SWAPS_AXES,
    TRANSPOSES,
    orientation_of,
    transpose_in_exif,
    transpose_of,
    upright_size,
)


def tagged(orientation: int) -> Image.Image:
    exif = Image.Exif()
    exif[0x0112] = orientation
    made = io.BytesIO()
    Image.new("RGB", (8, 4)).save(made, "PNG", exif=exif)
    return Image.open(made)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_tag_determines_the_transpose(orientation: int) -> None:
    picture = tagged(orientation)
    assert transpose_of(picture) == transpose_in_exif(picture.info["exif"]) == TRANSPOSES.get(orientation)
    assert orientation_of(picture) == orientation


def test_without_a_tag_nothing_is_rotated() -> None:
    picture = Image.new("RGB", (8, 4))
    assert transpose_of(picture) is None
    assert orientation_of(picture) is None
    assert transpose_in_exif(None) is None


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("exif", [b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\xff\xff", b"Exif\0\0nonsense", b"\xff" * 40])
def test_a_broken_tag_rotates_nothing(exif: bytes) -> None:
    assert transpose_in_exif(exif) is None


def test_only_a_quarter_turn_swaps_width_and_height() -> None:
    assert {turn: upright_size((8, 4), turn) for turn in TRANSPOSES.values()} == {
        turn: (4, 8) if turn in SWAPS_AXES else (8, 4) for turn in TRANSPOSES.values()
    }
    assert upright_size((8, 4), None) == (8, 4)
