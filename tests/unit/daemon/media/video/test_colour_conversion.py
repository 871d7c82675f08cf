from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from av.video.frame import VideoFrame
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from daemon.media.video.colour_conversion import ColourConverter
from tests.support.clips import read
from tests.support.media.encoding import encode_video, pq

#: Red's and blue's share of luminance, by the matrix's number in Rec. ITU-T H.273. 2: not stated.
SHARES = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 7: (0.212, 0.087), 9: (0.2627, 0.0593)}
STATED = [*SHARES, 2]
LIMITED, FULL = 1, 2
COLOURS = [
    (214, 38, 38),
    (246, 136, 26),
    (242, 214, 44),
    (38, 158, 62),
    (46, 78, 216),
    (128, 128, 128),
    (255, 255, 255),
]
ORANGE = (246, 136, 26)


def components(colour: tuple[int, int, int], matrix: int, range: int, bits: int) -> list[int]:
    """Y', Cb and Cr of a colour (Rec. ITU-R BT.601, BT.709, BT.2020)."""
    red, green, blue = (value / 255 for value in colour)
    of_red, of_blue = SHARES[matrix]
    bright = of_red * red + (1 - of_red - of_blue) * green + of_blue * blue
    away = ((blue - bright) / (2 - 2 * of_blue), (red - bright) / (2 - 2 * of_red))
    if range == FULL:
        most = 2**bits - 1
        return [round(bright * most), *(round(value * most + 2 ** (bits - 1)) for value in away)]
    return [round((219 * bright + 16) * 2 ** (bits - 8)), *(round((224 * v + 128) * 2 ** (bits - 8)) for v in away)]


def filled(format: str, values: list[int], size: tuple[int, int] = (64, 48)) -> VideoFrame:
    """A frame whose planes are filled with these values."""
    frame = VideoFrame(*size, format)
    kind = np.uint8 if frame.format.components[0].bits == 8 else np.uint16
    for plane, value in zip(frame.planes, values, strict=True):
        plane.update(np.full(plane.buffer_size // np.dtype(kind).itemsize, value, kind).tobytes())
    return frame


def colour_of(frame: VideoFrame) -> list[int]:
    pixels = ColourConverter().pixels(frame, 512)
    assert np.ptp(pixels, axis=(0, 1)).max() <= 2
    return [int(value) for value in pixels[20, 20]]


@pytest.mark.parametrize("format", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuv444p12le"])
@pytest.mark.parametrize("range", [0, LIMITED, FULL])
@pytest.mark.parametrize("matrix", STATED)
def test_every_matrix_and_range_gives_the_right_colour(format: str, matrix: int, range: int) -> None:
    bits = int(format[7:9]) if format.endswith("le") else 8
    for colour in COLOURS:
        frame = filled(format, components(colour, 6 if matrix == 2 else matrix, range, bits))
        frame.colorspace, frame.color_range = matrix, range
        assert colour_of(frame) == pytest.approx(colour, abs=4)


@pytest.mark.parametrize(
    ("size", "matrix"),
    [((720, 576), 6), ((1024, 576), 6), ((854, 480), 6), ((1280, 720), 1), ((720, 1280), 1), ((1440, 1080), 1)],
)
def test_an_unspecified_matrix_is_the_usual_one_for_the_size(size: tuple[int, int], matrix: int) -> None:
    assert colour_of(filled("yuv420p", components(ORANGE, matrix, LIMITED, 8), size)) == pytest.approx(ORANGE, abs=4)


@pytest.mark.parametrize(("format", "white"), [("gray", 235), ("gray10le", 940)])
def test_gray_has_the_stated_range(format: str, white: int) -> None:
    frame = filled(format, [white])
    assert colour_of(frame) == [235] * 3
    frame.color_range = LIMITED
    assert colour_of(frame) == [255] * 3


def layered(opacity: int, kind: type[np.uint8] | type[np.uint16] = np.uint8) -> NDArray[np.uint8]:
    deep = 257 if kind is np.uint16 else 1
    return np.full((48, 64, 4), (*(value * deep for value in ORANGE), opacity * deep), kind)


@pytest.mark.parametrize("opacity", [0, 128, 255])
@pytest.mark.parametrize("format", ["rgba", "bgra", "argb", "rgba64le"])
def test_what_is_transparent_shows_white(format: str, opacity: int) -> None:
    wanted = [round(255 + (value - 255) * opacity / 255) for value in ORANGE]
    frame = VideoFrame.from_ndarray(
        layered(opacity, np.uint16 if "64" in format else np.uint8), format="rgba64le" if "64" in format else "rgba"
    )
    assert colour_of(frame.reformat(format=format)) == pytest.approx(wanted, abs=2)


def test_a_transparent_frame_in_hdr_shows_white() -> None:
    frame = filled("yuva444p10le", [*components(ORANGE, 9, LIMITED, 10), 0])
    frame.color_trc, frame.color_primaries = 16, 9
    assert colour_of(frame) == [255] * 3


@pytest.mark.parametrize("format", ["rgb24", "gbrp", "bgr0", "nv12"])
def test_frames_of_other_layouts_keep_their_colour(format: str) -> None:
    frame = VideoFrame.from_ndarray(np.full((48, 64, 3), ORANGE, np.uint8), "rgb24").reformat(format=format)
    assert colour_of(frame) == pytest.approx(ORANGE, abs=4)


@pytest.mark.parametrize(("stated", "transfer"), [*product([(9, 9), (2, 2)], [16, 18])])
def test_hdr_that_does_not_say_its_primaries_has_wide_ones(stated: tuple[int, int], transfer: int) -> None:
    signal = pq(np.full((48, 64, 3), ORANGE, np.uint8))
    frame = VideoFrame.from_ndarray(signal, "rgb48le").reformat(format="yuv444p12le", dst_colorspace=9)
    frame.color_primaries, frame.colorspace = stated
    frame.color_trc = transfer
    red, green, blue = colour_of(frame)
    assert red > green > blue
    if transfer == 16:
        assert (red, green, blue) == pytest.approx(ORANGE, abs=4)


def test_wide_colour_that_is_not_hdr_is_brought_to_ordinary_primaries() -> None:
    frame = VideoFrame.from_ndarray(np.full((48, 64, 3), (201, 59, 18), np.uint8), "rgb24")
    frame.color_primaries, frame.color_trc = 9, 14
    red, green, blue = colour_of(frame)
    assert red > 220 and green < 50 and blue < 20


@pytest.mark.parametrize("number", [0, 3, 200])
def test_numbers_that_mean_nothing_change_nothing(number: int) -> None:
    frame = filled("yuv420p", components(ORANGE, 6, LIMITED, 8))
    frame.colorspace = frame.color_trc = frame.color_primaries = number
    assert colour_of(frame) == pytest.approx(ORANGE, abs=4)


def test_a_very_large_frame_is_halved_on_the_way() -> None:
    frame = filled("yuv420p", components(ORANGE, 1, LIMITED, 8), (4400, 64))
    pixels = ColourConverter().pixels(frame, 512)
    assert pixels.shape == (32, 2200, 3)
    assert [int(value) for value in pixels[20, 20]] == pytest.approx(ORANGE, abs=4)


def test_one_colourist_converts_frames_of_all_kinds_in_turn() -> None:
    colourist = ColourConverter()
    for size in ((64, 48), (65, 49), (32, 32)):
        for format in ("yuv420p", "yuv444p12le"):
            bits = 12 if "12" in format else 8
            pixels = colourist.pixels(filled(format, components(ORANGE, 6, LIMITED, bits), size), 512)
            assert pixels.shape == (size[1], size[0], 3)
            assert [int(value) for value in pixels[5, 5]] == pytest.approx(ORANGE, abs=4)


def spotted(ground: tuple[int, ...], spot: tuple[int, ...]) -> NDArray[np.uint8]:
    picture = Image.new("RGB" if len(ground) == 3 else "RGBA", (96, 64), ground)
    ImageDraw.Draw(picture).rectangle((10, 10, 50, 50), fill=spot)
    return np.asarray(picture)


@pytest.mark.parametrize("colour", [(246, 136, 26), (214, 38, 38), (46, 78, 216), (128, 128, 128)])
@pytest.mark.parametrize("ground", [(248, 248, 248), (14, 14, 14)])
def test_a_pq_film_has_the_colours_that_were_filmed(
    tmp_path: Path, colour: tuple[int, int, int], ground: tuple[int, int, int]
) -> None:
    frames = [pq(spotted(ground, colour))] * 4
    path = encode_video(
        tmp_path / "a.mp4",
        frames,
        codec="libx264",
        pix_fmt="yuv420p10le",
        tags=(9, 16, 9, LIMITED),
        options={"crf": "1"},
    )
    for picture in read(path).pictures:
        assert [int(value) for value in picture[30, 30]] == pytest.approx(colour, abs=6)
        assert [int(value) for value in picture[5, 80]] == pytest.approx(ground, abs=6)


@pytest.mark.parametrize(
    ("suffix", "codec", "pix_fmt", "options"),
    [
        ("webm", "libvpx-vp9", "yuva420p", {"crf": "4"}),
        ("webm", "libvpx", "yuva420p", {"auto-alt-ref": "0"}),
        ("mov", "prores_ks", "yuva444p10le", {}),
    ],
)
def test_a_see_through_film_is_on_white_from_its_empty_beginning_on(
    tmp_path: Path, suffix: str, codec: str, pix_fmt: str, options: dict[str, str]
) -> None:
    empty, spot = spotted((0, 0, 0, 0), (0, 0, 0, 0)), spotted((0, 0, 0, 0), (214, 38, 38, 255))
    path = encode_video(
        tmp_path / f"a.{suffix}", [empty] * 8 + [spot] * 16, codec=codec, pix_fmt=pix_fmt, options=options
    )
    clip = read(path)
    assert (clip.media.seconds, clip.media.frame_rate, clip.media.frames_seen) == (3.0, 8.0, 3)
    assert [[int(v) for v in picture[5, 80]] for picture in clip.pictures] == [pytest.approx([255] * 3, abs=2)] * 3
    inside = [[int(v) for v in picture[30, 30]] for picture in clip.pictures]
    assert inside == [pytest.approx([255] * 3, abs=2)] + [pytest.approx((214, 38, 38), abs=8)] * 2
