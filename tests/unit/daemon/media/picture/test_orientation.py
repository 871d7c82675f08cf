from __future__ import annotations

import io

import pytest
from PIL import Image

from daemon.media.picture.orientation import SIDEWAYS, TURNS, orientation_of, shown_size, turn_in, turn_of


def tagged(orientation: int) -> Image.Image:
    exif = Image.Exif()
    exif[0x0112] = orientation
    made = io.BytesIO()
    Image.new("RGB", (8, 4)).save(made, "PNG", exif=exif)
    return Image.open(made)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_tag_says_how_to_turn(orientation: int) -> None:
    picture = tagged(orientation)
    assert turn_of(picture) == turn_in(picture.info["exif"]) == TURNS.get(orientation)
    assert orientation_of(picture) == orientation


def test_without_a_tag_nothing_is_turned() -> None:
    picture = Image.new("RGB", (8, 4))
    assert turn_of(picture) is None
    assert orientation_of(picture) is None
    assert turn_in(None) is None


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("exif", [b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\xff\xff", b"Exif\0\0nonsense", b"\xff" * 40])
def test_a_broken_tag_turns_nothing(exif: bytes) -> None:
    assert turn_in(exif) is None


def test_only_a_quarter_turn_swaps_width_and_height() -> None:
    assert {turn: shown_size((8, 4), turn) for turn in TURNS.values()} == {
        turn: (4, 8) if turn in SIDEWAYS else (8, 4) for turn in TURNS.values()
    }
    assert shown_size((8, 4), None) == (8, 4)
