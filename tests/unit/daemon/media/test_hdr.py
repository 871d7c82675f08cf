from __future__ import annotations

import math
import tracemalloc
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from daemon.media.hdr import Primaries, Transfer, to_sdr

#: What ordinary pixels look like in PQ, HLG and wide colour is worked out here anew, from the other side.
COLOURS = {
    "red": (214, 38, 38),
    "orange": (235, 140, 20),
    "yellow": (240, 220, 40),
    "green": (40, 160, 60),
    "blue": (30, 70, 200),
    "purple": (130, 50, 160),
    "gray": (128, 128, 128),
    "dark gray": (40, 40, 40),
    "black": (0, 0, 0),
}
#: Rec. ITU-R BT.2087, BT.709 to BT.2020, and the same to Display P3.
TO_BT2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
TO_P3 = np.array([[0.8225, 0.1775, 0.0], [0.0332, 0.9668, 0.0], [0.0171, 0.0724, 0.9105]])
WIDER: dict[Primaries, NDArray[np.float64]] = {"bt2020": TO_BT2020, "p3": TO_P3, "bt709": np.eye(3)}


def light_of(colour: tuple[int, int, int]) -> NDArray[np.float64]:
    value = np.array(colour) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def srgb(light: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def pq(light: NDArray[np.float64]) -> NDArray[np.float64]:
    power = (light * 203 / 10_000) ** (2610 / 16384)
    return ((3424 + 2413 * 32 * power) / (4096 + 2392 * 32 * power)) ** (2523 / 4096 * 128)


def hlg(light: NDArray[np.float64]) -> NDArray[np.float64]:
    shown = light * 203 / 1000
    luminance = float(shown @ [0.2627, 0.6780, 0.0593])
    scene = shown * luminance ** (1 / 1.2 - 1) if luminance > 0 else shown
    bright = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), bright)


SIGNALS: dict[Transfer, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {"pq": pq, "hlg": hlg, "sdr": srgb}


def one(signal: object) -> NDArray[np.float32]:
    """A picture of one pixel."""
    return np.asarray(signal, np.float32).reshape(1, 1, 3)


@pytest.mark.parametrize("transfer", ["pq", "sdr"])
@pytest.mark.parametrize("name", COLOURS)
def test_a_colour_of_ordinary_brightness_comes_back_as_it_was(name: str, transfer: Transfer) -> None:
    signal = SIGNALS[transfer](TO_BT2020 @ light_of(COLOURS[name]))
    back = to_sdr(one(signal), transfer=transfer, primaries="bt2020")
    assert np.abs(back[0, 0].astype(int) - COLOURS[name]).max() <= 2


def hue(colour: Sequence[float]) -> float:
    """In degrees."""
    red, green, blue = (float(value) for value in colour)
    return math.degrees(math.atan2(math.sqrt(3) * (green - blue), 2 * red - green - blue))


@pytest.mark.parametrize("labelled_only", [False, True])
@pytest.mark.parametrize("name", ["red", "orange", "yellow", "green", "blue", "purple"])
def test_hlg_keeps_the_hue_also_of_ordinary_pixels_that_are_labelled_so(name: str, labelled_only: bool) -> None:
    colour = COLOURS[name]
    signal = np.array(colour) / 255 if labelled_only else hlg(TO_BT2020 @ light_of(colour))
    back = to_sdr(one(signal), transfer="hlg", primaries="bt2020")[0, 0]
    assert abs((hue(back) - hue(colour) + 180) % 360 - 180) < 12


@pytest.mark.parametrize("name", COLOURS)
def test_an_hlg_colour_comes_back_nearly_as_it_was(name: str) -> None:
    back = to_sdr(one(hlg(TO_BT2020 @ light_of(COLOURS[name]))), transfer="hlg", primaries="bt2020")
    assert np.abs(back[0, 0].astype(int) - COLOURS[name]).max() <= 18


def test_hlg_keeps_gray_apart_from_black_and_white() -> None:
    signals = {name: hlg(TO_BT2020 @ light_of(colour)) for name, colour in COLOURS.items()}
    assert 120 <= to_sdr(one(signals["gray"]), transfer="hlg", primaries="bt2020").mean() <= 150
    assert to_sdr(one(signals["black"]), transfer="hlg", primaries="bt2020").max() <= 2
    assert to_sdr(one([0.75] * 3), transfer="hlg", primaries="bt2020").min() >= 235


@pytest.mark.parametrize("primaries", ["bt709", "bt2020", "p3"])
def test_primaries_are_converted(primaries: Primaries) -> None:
    signal = pq(WIDER[primaries] @ light_of(COLOURS["orange"]))
    back = to_sdr(one(signal), transfer="pq", primaries=primaries)
    assert np.abs(back[0, 0].astype(int) - COLOURS["orange"]).max() <= 2


def test_paper_white_is_white() -> None:
    """BT.2408: its 203 cd/m² are 58 % of PQ."""
    assert to_sdr(one([0.58] * 3), transfer="pq", primaries="bt2020").min() >= 248


@pytest.mark.parametrize("transfer", ["pq", "hlg"])
def test_what_is_brighter_is_never_shown_darker_and_stays_gray(transfer: Transfer) -> None:
    signal = np.linspace(0, 1, 1000, dtype=np.float32).reshape(1, -1, 1).repeat(3, axis=2)
    pixels = to_sdr(signal, transfer=transfer, primaries="bt2020")[0].astype(int)
    assert (np.diff(pixels[:, 0]) >= 0).all()
    assert pixels[0].max() == 0 and pixels[-1].min() >= 253
    assert np.ptp(pixels, axis=1).max() <= 1


def test_a_highlight_keeps_its_hue() -> None:
    light = TO_BT2020 @ light_of(COLOURS["orange"])
    lamp = to_sdr(one(pq(4 * light)), transfer="pq", primaries="bt2020")[0, 0]
    red, green, blue = light_of((int(lamp[0]), int(lamp[1]), int(lamp[2])))
    wanted = light_of(COLOURS["orange"])
    assert lamp[0] >= 250
    assert green / red == pytest.approx(wanted[1] / wanted[0], rel=0.05)
    assert blue / red < 0.03


def test_sixteen_bits_mean_the_same_as_fractions() -> None:
    codes = np.random.default_rng(3).integers(0, 65536, (40, 50, 3), np.uint16)
    fractions = (codes / 65535).astype(np.float32)
    for transfer in SIGNALS:
        both = [to_sdr(signal, transfer=transfer, primaries="bt2020").astype(int) for signal in (codes, fractions)]
        assert np.abs(both[0] - both[1]).max() <= 1


def test_signals_outside_their_range_count_as_its_ends() -> None:
    pixels = to_sdr(one([-0.5, 1.5, 0.0]), transfer="sdr", primaries="bt709")
    assert pixels.tolist() == [[[0, 255, 0]]]


def test_a_picture_of_any_shape_keeps_every_pixel_in_its_place() -> None:
    """Also if a row is longer than a chunk, and if the picture is a transposed view of another."""
    for shape in ((1, 70_000), (700, 90), (3, 1)):
        values = np.random.default_rng(4).random((*shape, 3), dtype=np.float32)
        whole = to_sdr(values, transfer="pq", primaries="bt2020")
        assert whole.shape == values.shape
        assert np.array_equal(to_sdr(values[-1:, -1:], transfer="pq", primaries="bt2020"), whole[-1:, -1:])
        assert np.array_equal(to_sdr(np.rot90(values), transfer="pq", primaries="bt2020"), np.rot90(whole))


def test_a_large_picture_needs_little_memory_beyond_its_pixels() -> None:
    signal = np.zeros((2000, 1500, 3), np.float32)
    tracemalloc.start()
    try:
        pixels = to_sdr(signal, transfer="hlg", primaries="bt2020")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < pixels.nbytes + 10e6
