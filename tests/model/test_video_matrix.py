"""Every container, codec, pixel format, range and matrix with every colour and motion: facts, pixels, order and words.

The fast test walks a diagonal of the matrix, the slow ones the whole of it.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import cycle
from pathlib import Path

import pytest

from tests.support.demo_world.scenes import Shown, difference, moving
from tests.support.demo_world.world import BACKGROUNDS, COLOURS, MOTIONS, SHAPES, Film
from tests.support.describing import Described, Describer, check_caption
from tests.support.media.formats import light
from tests.support.media.formats.boxes import TURNS, set_matrix
from tests.support.media.formats.codings import CODINGS, HDR, PLAIN
from tests.support.media.formats.containers import Coding, record
from tests.support.media.formats.pictures import UNDO

#: Of 255: what coding costs. A frame of another second differs by more, another colour by much more.
NEAR = 4.0
#: White is brought a little below white, to leave room for what is brighter; HLG's curve is met only nearly.
NEAR_HDR: dict[light.Curve, float] = {light.pq: 10.0, light.hlg: 15.0}
#: Pixels that are not square are shown in this size. The larger films last two seconds here.
SHOWN_AS = {(720, 576): (768, 576), (352, 288): (384, 288)}
#: The EXIF orientation that turns alike.
ORIENTATIONS = dict(zip(TURNS, (1, 2, 3, 4, 5, 6, 7, 8), strict=True))

GROUPS = sorted({name.rpartition(".")[2] for name in CODINGS})


def check_film(described: Described, scene: Shown, size: tuple[int, int], near: float = NEAR) -> None:
    """Facts, times and every frame that was looked at, and the words that the model finds for them."""
    assert described.clip is not None, f"{described.path.name}: {described.refusal}"
    [(frames, times)] = scene.sampled()
    facts = {"kind": "video", "width": size[0], "height": size[1], "frames_seen": len(frames)}
    facts |= {"seconds": pytest.approx(scene.seconds, abs=0.002), "frame_rate": pytest.approx(scene.rate, abs=0.002)}
    assert described.clip.timestamps == pytest.approx(times, abs=0.002)
    far = [difference(pixels, frame) for pixels, frame in zip(described.clip.pictures, frames, strict=True)]
    assert max(far) < near, f"{described.path.name}: {far}"
    check_caption(described, scene.caption, **facts)


def check_coding(describer: Describer, folder: Path, name: str, film: Film) -> None:
    coding = CODINGS[name]
    size = coding.size or (320, 240)
    scene = describer.scene(film, rate=float(coding.rate), seconds=2 if size in SHOWN_AS else 4)
    near = NEAR_HDR.get(coding.signal, NEAR)
    check_film(describer.describe(record(folder / name, scene.frames, coding)), scene, SHOWN_AS.get(size, size), near)


def film(motion: str, colour: str, background: str, shape: str = "circle") -> Film:
    second = next(each for each in ("blue", "red") if each != colour) if motion == "turns" else ""
    return moving(motion, colour, background, shape, second)


#: Every coding once, with the next motion, colour and ground each time.
DIAGONAL = [
    (name, film(motion, colour, background))
    for name, motion, colour, background in zip(
        CODINGS, cycle(MOTIONS), cycle([*COLOURS, "red"]), cycle(BACKGROUNDS), strict=False
    )
]


@pytest.mark.parametrize("suffix", GROUPS)
def test_every_way_to_store_a_film_shows_it_truly(
    describer: Describer, tmp_path: Path, suffix: str, subtests: pytest.Subtests
) -> None:
    for name, scene in DIAGONAL:
        if name.endswith(f".{suffix}"):
            with subtests.test(name):
                check_coding(describer, tmp_path, name, scene)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", CODINGS)
def test_every_colour_in_every_coding(
    describer: Describer, tmp_path: Path, name: str, subtests: pytest.Subtests
) -> None:
    motions, shapes = cycle(MOTIONS), cycle(SHAPES)
    for colour in COLOURS:
        for background in BACKGROUNDS:
            scene = film(next(motions), colour, background, next(shapes))
            with subtests.test(f"{scene.caption}"):
                check_coding(describer, tmp_path, name, scene)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", PLAIN)
def test_every_motion_in_every_coding(
    describer: Describer, tmp_path: Path, name: str, subtests: pytest.Subtests
) -> None:
    colours = cycle(COLOURS)
    for motion in MOTIONS:
        scene = film(motion, next(colours), "white")
        with subtests.test(f"{scene.caption}"):
            check_coding(describer, tmp_path, name, scene)


TURNED = ["h264.mp4", "hevc.mov", "h264.m4v", "mpeg4.3gp", "mpeg4.3g2", "prores.mov", "h264-fragments.mp4"]


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", TURNED)
def test_every_turn_in_every_container_that_has_them(
    describer: Describer, tmp_path: Path, name: str, subtests: pytest.Subtests
) -> None:
    for turn, matrix in TURNS.items():
        for motion in ("moves to the right", "moves up"):
            with subtests.test(f"{turn}, {motion}"):
                scene = describer.scene(film(motion, "orange", "white"))
                undo = UNDO[ORIENTATIONS[turn]]
                frames = scene.frames if undo is None else [frame.transpose(undo) for frame in scene.frames]
                path = set_matrix(record(tmp_path / name, frames, CODINGS[name]), *matrix)
                check_film(describer.describe(path), scene, (320, 240))


#: FFmpeg does not write the shape of VP9's pixels into WebM.
WIDE = ["h264.mp4", "h264.mov", "h264.mkv", "mpeg4.avi", "h264.ts", "mpeg2.vob", "mpeg2.mxf", "mpeg4.3gp"]


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", WIDE)
def test_every_pixel_shape_in_every_container_that_has_them(
    describer: Describer, tmp_path: Path, name: str, subtests: pytest.Subtests
) -> None:
    # Of whole pictures of 4 to 3 and 16 to 9, which are all that MPEG-2 can say.
    shapes = {Fraction(16, 15): ((360, 288), (384, 288)), Fraction(64, 45): ((360, 288), (512, 288))}
    for aspect, (stored, size) in shapes.items():
        with subtests.test(f"{aspect}"):
            coding = replace(CODINGS[name], aspect=aspect, size=stored)
            scene = describer.scene(film("moves to the right", "purple", "white"), rate=float(coding.rate), size=size)
            check_film(describer.describe(record(tmp_path / name, scene.frames, coding)), scene, size)


LATE = ["h264.mkv", "vp9.webm", "h264.ts", "h264.mts", "mpeg2.mpg", "h264.flv", "wmv2.wmv", "vp8.ogv"]


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", LATE)
def test_every_start_in_every_container_that_has_a_clock(
    describer: Describer, tmp_path: Path, name: str, subtests: pytest.Subtests
) -> None:
    coding = CODINGS[name]
    scene = describer.scene(film("moves down", "green", "white"), rate=float(coding.rate))
    for start in (0.5, 60.0, 3600.0, 40_000.0):
        with subtests.test(f"{start}"):
            path = record(tmp_path / name, scene.frames, coding, start=start)
            check_film(describer.describe(path), scene, (320, 240))


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", HDR)
def test_every_colour_of_hdr_in_large(
    describer: Describer, tmp_path: Path, name: str, subtests: pytest.Subtests
) -> None:
    """As phones record it: more lines than what is converted at once anywhere."""
    coding: Coding = HDR[name]
    for colour in COLOURS:
        with subtests.test(colour):
            scene = describer.scene(film("moves to the left", colour, "white"), size=(1280, 720))
            described = describer.describe(record(tmp_path / name, scene.frames, coding))
            check_film(described, scene, (1280, 720), NEAR_HDR[coding.signal])
