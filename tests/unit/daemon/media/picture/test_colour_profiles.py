from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from daemon.media.picture.colour_profiles import Coding, coding_in_profile, is_transparent, to_resizable, to_rgb
from tests.support.clips import read
from tests.support.media.media_files import save_image
from tests.support.media.odd_profiles import cmyk_profile, grey_profile, lab_profile, profile, swapped

RED, BLUE = (220, 20, 20), (12, 12, 221)


def colour_of(picture: Image.Image) -> tuple[int, ...]:
    pixel = picture.getpixel((0, 0))
    assert isinstance(pixel, tuple)
    return pixel


@pytest.mark.parametrize(
    ("format", "options"),
    [
        ("JPEG", {"quality": 95}),
        ("PNG", {}),
        ("TIFF", {}),
        ("WEBP", {"lossless": True}),
        ("HEIF", {"quality": 95}),
        ("AVIF", {"quality": 95}),
    ],
)
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_an_embedded_profile_is_applied(tmp_path: Path, format: str, options: dict[str, Any], mode: str) -> None:
    """Stored red becomes blue, and white stays white."""
    if (format, mode) == ("JPEG", "RGBA"):
        pytest.skip("a JPEG has no alpha")
    picture = Image.new(mode, (64, 48), "white")
    picture.paste(RED, (0, 0, 32, 48))
    path = save_image(tmp_path / "a", picture, format, icc_profile=swapped(), **options)
    pixels = read(path).pictures[0].astype(int)
    assert np.abs(pixels[20, 10] - BLUE).max() <= 4
    assert pixels[20, 50].min() >= 252


def test_a_profile_counts_for_the_colours_of_a_palette(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8), RED).quantize(4).save(tmp_path / "a.png", icc_profile=swapped())
    assert np.abs(read(tmp_path / "a.png").pictures[0][0, 0].astype(int) - BLUE).max() <= 2


def test_profiles_of_grey_of_ink_and_by_way_of_lab_are_applied() -> None:
    assert colour_of(to_rgb(Image.new("L", (4, 4), 128), grey_profile(1.0))) == (188, 188, 188)
    assert colour_of(to_rgb(Image.new("LA", (4, 4), (128, 255)), grey_profile(1.0))) == (188, 188, 188)
    assert colour_of(to_rgb(Image.new("CMYK", (4, 4), (255, 0, 0, 0)), cmyk_profile())) == (255, 0, 0)
    assert colour_of(to_rgb(Image.new("CMYK", (4, 4), (0, 255, 0, 0)), cmyk_profile())) == (255, 255, 255)
    assert colour_of(to_rgb(Image.new("RGB", (4, 4), (255, 0, 0)), lab_profile())) == (0, 3, 255)


@pytest.mark.parametrize("broken", [b"", b"\0" * 200, swapped()[:150], b"x" * 17 * 1024**2, cmyk_profile()])
def test_a_profile_that_is_broken_or_for_other_colours_is_ignored(broken: bytes) -> None:
    assert colour_of(to_rgb(Image.new("RGB", (4, 4), RED), broken)) == RED


def test_a_profile_that_changes_nothing_costs_nothing() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert colour_of(to_rgb(Image.new("RGB", (4, 4), (1, 2, 3)), srgb)) == (1, 2, 3)
    assert colour_of(to_rgb(Image.new("L", (4, 4), 77), swapped())) == (77, 77, 77)


@pytest.mark.parametrize(("transfer", "grey", "least"), [(16, 148, 240), (18, 191, 215)])
def test_hdr_values_become_ordinary_ones(transfer: int, grey: int, least: int) -> None:
    """The signals of white paper in BT.2408, in eight bits: PQ 58 %, HLG 75 %."""
    white = to_rgb(Image.new("RGB", (4, 4), (grey,) * 3), coding=Coding(primaries=9, transfer=transfer))
    assert min(colour_of(white)) >= least and max(colour_of(white)) - min(colour_of(white)) <= 1


def test_hdr_takes_precedence_over_a_profile_and_a_profile_over_primaries() -> None:
    signal = Image.new("RGB", (4, 4), (148, 148, 148))
    assert colour_of(to_rgb(signal, swapped(), Coding(9, 16)))[0] >= 240
    assert (
        np.abs(np.subtract(colour_of(to_rgb(Image.new("RGB", (4, 4), RED), swapped(), Coding(12, 13))), BLUE)).max()
        <= 2
    )


def test_wide_primaries_without_a_profile_are_converted() -> None:
    """A green of 200 in P3 is more saturated in sRGB: red and blue decrease."""
    red, green, blue = colour_of(to_rgb(Image.new("RGB", (4, 4), (100, 200, 100)), coding=Coding(12, 13)))
    assert red < 80 and 200 <= green <= 206 and blue < 96
    assert colour_of(to_rgb(Image.new("RGB", (4, 4), RED), coding=Coding(1, 13))) == RED
    assert colour_of(to_rgb(Image.new("RGB", (4, 4), RED), coding=Coding(2, 2))) == RED


def test_the_code_points_in_a_profile_are_found() -> None:
    tag = b"cicp" + bytes(4) + bytes([9, 16, 0, 1])
    assert coding_in_profile(profile(b"RGB ", {b"cicp": tag})) == Coding(9, 16)
    assert coding_in_profile(profile(b"RGB ", {b"cicp": tag[:5]})) is None
    assert coding_in_profile(swapped()) is None
    assert coding_in_profile(b"") is None and coding_in_profile(None) is None


MADE: dict[str, Callable[[], Image.Image]] = {
    "1": lambda: Image.new("1", (8, 8), 1),
    "L": lambda: Image.new("L", (8, 8), 200),
    "LA": lambda: Image.new("LA", (8, 8), (200, 128)),
    "La": lambda: Image.new("LA", (8, 8), (200, 128)).convert("La"),
    "P": lambda: Image.new("RGB", (8, 8), RED).quantize(4),
    "PA": lambda: Image.new("RGB", (8, 8), RED).quantize(4).convert("PA"),
    "RGB": lambda: Image.new("RGB", (8, 8), RED),
    "RGBA": lambda: Image.new("RGBA", (8, 8), (*RED, 128)),
    "RGBa": lambda: Image.new("RGBA", (8, 8), (*RED, 128)).convert("RGBa"),
    "RGBX": lambda: Image.new("RGBX", (8, 8), (*RED, 0)),
    "CMYK": lambda: Image.new("CMYK", (8, 8), (0, 235, 235, 35)),
    "YCbCr": lambda: Image.new("RGB", (8, 8), RED).convert("YCbCr"),
    "HSV": lambda: Image.new("RGB", (8, 8), RED).convert("HSV"),
    "LAB": lambda: Image.new("LAB", (8, 8), (138, 209, 198)),
    "I;16": lambda: Image.new("I;16", (8, 8), 51200),
    "I": lambda: Image.new("I", (8, 8), 5),
    "F": lambda: Image.new("F", (8, 8), 0.5),
}


@pytest.mark.parametrize("mode", MADE)
def test_every_mode_can_be_shrunk_and_shown(mode: str) -> None:
    layer = to_resizable(MADE[mode]())
    assert layer.mode in {"L", "LA", "RGB", "RGBA", "CMYK"}
    shown = to_rgb(layer.resize((4, 4)))
    assert shown.mode == "RGB"
    stored = MADE[mode]()
    if stored.mode in {"P", "RGB", "YCbCr", "HSV", "RGBX", "PA", "CMYK"}:
        assert np.abs(np.subtract(colour_of(shown), RED)).max() <= 3


def test_what_is_transparent_shows_white() -> None:
    half = to_rgb(Image.new("RGBA", (4, 4), (0, 0, 0, 128)))
    assert colour_of(half) == (127, 127, 127)
    assert colour_of(to_rgb(Image.new("LA", (4, 4), (0, 0)))) == (255, 255, 255)


@pytest.mark.parametrize(
    ("mode", "clear"), [("L", 0), ("1", 0), ("RGB", (0, 0, 0)), ("I;16", 0), ("P", 0), ("P", b"\0")]
)
def test_a_transparent_colour_shows_white(mode: str, clear: object) -> None:
    picture = Image.new(mode, (4, 4), 0)
    picture.info["transparency"] = clear
    layer = to_resizable(picture)
    assert is_transparent(layer)
    assert colour_of(to_rgb(layer)) == (255, 255, 255)


def test_a_transparent_colour_of_sixteen_bits_is_found_in_eight() -> None:
    picture = Image.new("RGB", (4, 4), RED)
    picture.info["transparency"] = tuple(value * 257 for value in RED)
    assert is_transparent(to_resizable(picture))


def test_a_picture_shows_something_as_soon_as_one_pixel_does() -> None:
    picture = Image.new("RGBA", (4, 4))
    assert is_transparent(picture)
    picture.putpixel((2, 2), (0, 0, 0, 1))
    assert not is_transparent(picture)
    assert not is_transparent(Image.new("RGB", (4, 4)))
