"""Videos as phones, camcorders, editors and film libraries leave them: each is described truly, with true facts.

Every film is four seconds of a drawn scene, unless its case says otherwise; a wrong caption means wrong pixels.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from av.stream import Disposition
from PIL import Image

from tests.support.demo_world.scenes import corner, moving
from tests.support.demo_world.world import MOTIONS
from tests.support.describing import Describer, check_caption
from tests.support.media.formats import light, tracks
from tests.support.media.formats.boxes import TURNS, box, put_in_front, set_edits, set_matrix
from tests.support.media.formats.containers import Coding, record

T = Image.Transpose
FACTS = {"width": 320, "height": 240, "seconds": 4.0, "frame_rate": 8.0, "frames_seen": 4}
#: How an upright picture is stored so that each of TURNS shows it upright again.
UNDO = {
    "upright": None,
    "mirrored": T.FLIP_LEFT_RIGHT,
    "half a turn": T.ROTATE_180,
    "upside down and mirrored": T.FLIP_TOP_BOTTOM,
    "transposed": T.TRANSPOSE,
    "a quarter clockwise": T.ROTATE_90,
    "transversed": T.TRANSVERSE,
    "a quarter counter-clockwise": T.ROTATE_270,
}
BESIDE_A_FILM: dict[str, tracks.Track | list[tracks.Track]] = {
    "subtitles.mp4": tracks.subtitles("mov_text"),
    "subtitles-srt.mkv": tracks.subtitles("srt"),
    "subtitles-ass.mkv": tracks.subtitles("ass"),
    "subtitles.webm": tracks.subtitles("webvtt"),
    "font.mkv": tracks.attachment("font.ttf", "application/x-truetype-font", bytes(2000)),
    "sensor.mp4": tracks.data(),
    "metadata.ts": tracks.data(codec="klv"),
    "sound.mov": tracks.sound(),
    "nineteen-tracks.mp4": [tracks.sound(pitch=200.0 + k) for k in range(18)],
    "nineteen-tracks.mkv": [tracks.sound(pitch=200.0 + k) for k in range(18)],
}


def test_what_stands_beside_a_film_is_not_in_its_way(
    describer: Describer, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    scene = describer.scene(moving())
    for name, beside in BESIDE_A_FILM.items():
        with subtests.test(name):
            coding = Coding(codec="libvpx" if name.endswith("webm") else "libx264")
            row = [tracks.film(scene.frames, coding), *(beside if isinstance(beside, list) else [beside])]
            check_caption(describer.describe(tracks.record_tracks(tmp_path / name, row)), scene.caption, **FACTS)


CAMCORDERS_AND_OLD = {
    "avchd.mts": Coding(options={"mpegts_m2ts_mode": "1"}),
    "television.ts": Coding(codec="mpeg2video", rate=25),
    "hdv.m2t": Coding(codec="mpeg2video", rate=25),
    "old.mpg": Coding(codec="mpeg1video", rate=25),
    "disc.vob": Coding(codec="mpeg2video", rate=25),
    "windows.wmv": Coding(codec="wmv2"),
    "windows-old.wmv": Coding(codec="wmv1"),
    "flash.flv": Coding(),
    "flash-old.flv": Coding(codec="flv"),
    "phone.3gp": Coding(codec="h263", size=(352, 288)),
    "phone.3g2": Coding(codec="mpeg4"),
    "minidv.avi": Coding(codec="dvvideo", size=(720, 576), rate=25, aspect=Fraction(16, 15)),
    "divx3.avi": Coding(codec="msmpeg4"),
    "divx5.avi": Coding(codec="mpeg4"),
    "animation.mov": Coding(codec="qtrle", pixels="rgb24"),
    "broadcast.mxf": Coding(codec="mpeg2video", rate=25),
    "free.ogv": Coding(codec="libvpx"),
}


#: H.263 has pixels of 12 to 11 in this size.
SHOWN_AS = {"phone.3gp": (384, 288), "minidv.avi": (768, 576)}


def test_camcorders_and_old_programs_films_are_described(
    describer: Describer, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    for name, coding in CAMCORDERS_AND_OLD.items():
        with subtests.test(name):
            scene = describer.scene(moving(), rate=float(coding.rate))
            described = describer.describe(record(tmp_path / name, scene.frames, coding))
            width, height = SHOWN_AS.get(name, (320, 240))
            facts = {"width": width, "height": height, "frame_rate": float(coding.rate)}
            check_caption(described, scene.caption, **FACTS | facts)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="no other program here encodes Theora")
def test_theora_is_described(describer: Describer, tmp_path: Path) -> None:
    scene = describer.scene(moving())
    whole = record(tmp_path / "whole.avi", scene.frames, Coding(codec="rawvideo", pixels="bgr24"))
    program: list[str | Path] = [
        "ffmpeg",
        "-loglevel",
        "error",
        "-i",
        whole,
        "-c:v",
        "libtheora",
        "-q:v",
        "9",
        tmp_path / "theora.ogv",
    ]
    subprocess.run(program, check=True)
    check_caption(describer.describe(tmp_path / "theora.ogv"), scene.caption, **FACTS)


HDR = {"pq": light.pq, "hlg": light.hlg}
HDR_FILES = {
    "hevc.mp4": Coding(codec="libx265", pixels="yuv420p10le"),
    "hevc.mov": Coding(codec="libx265", pixels="yuv420p10le", full=True),
    "av1.mkv": Coding(codec="libsvtav1", pixels="yuv420p10le"),
}
HDR_SCENES = (("orange", "black"), ("orange", "white"), ("red", "white"), ("blue", "white"), ("purple", "gray"))


@pytest.mark.parametrize("curve", HDR)
def test_hdr_films_show_the_colours_that_a_person_sees(
    describer: Describer, tmp_path: Path, curve: str, subtests: pytest.Subtests
) -> None:
    for name, coding in HDR_FILES.items():
        hdr = replace(coding, matrix="bt2020", signal=HDR[curve])
        for colour, background in HDR_SCENES:
            with subtests.test(f"{colour} on {background}, {name}"):
                scene = describer.scene(moving(colour=colour, background=background))
                check_caption(describer.describe(record(tmp_path / name, scene.frames, hdr)), scene.caption, **FACTS)


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_a_film_is_shown_as_its_display_matrix_says(
    describer: Describer, tmp_path: Path, suffix: str, subtests: pytest.Subtests
) -> None:
    """Down and to the right: whatever way a film is turned or mirrored wrongly, one of the two goes another way."""
    for motion in ("moves down", "moves to the right"):
        scene = describer.scene(moving(motion))
        for turn, undo in UNDO.items():
            with subtests.test(f"{turn}, {motion}"):
                frames = scene.frames if undo is None else [frame.transpose(undo) for frame in scene.frames]
                path = set_matrix(record(tmp_path / f"turned{suffix}", frames, Coding()), *TURNS[turn])
                check_caption(describer.describe(path), scene.caption, **FACTS)


def another(describer: Describer, seconds: float, rate: float = 8) -> tuple[Image.Image, ...]:
    """A film that must not be seen."""
    return describer.scene(moving("moves to the left", "green", shape="square"), seconds=seconds, rate=rate).frames


def cut(path: Path, frames: list[Image.Image], edits: list[tuple[float, float | None]], rate: int = 8) -> Path:
    """A film whose edit list says which parts are shown; of its pictures only the first is a key frame."""
    coding = Coding(rate=rate, group=10_000, settings={"bf": "0", "sc_threshold": "0"})
    return set_edits(record(path, frames, coding), edits)


def test_of_a_trimmed_film_only_what_is_left_is_described(
    describer: Describer, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    scene = describer.scene(moving())
    before, after = another(describer, 20), another(describer, 10)
    for name, frames, start in (
        ("both.mp4", [*before, *scene.frames, *after], 20.0),
        ("both.mov", [*before, *scene.frames, *after], 20.0),
        ("end.mp4", [*before, *scene.frames], 20.0),
        ("beginning.mov", [*scene.frames, *after], 0.0),
    ):
        with subtests.test(name):
            check_caption(describer.describe(cut(tmp_path / name, frames, [(4, start)])), scene.caption, **FACTS)


def test_six_seconds_of_ten_minutes_are_six_seconds(describer: Describer, tmp_path: Path) -> None:
    scene = describer.scene(moving(), seconds=6, rate=4)
    other = another(describer, 30, rate=4) * 10
    path = cut(tmp_path / "trim.mp4", [*other, *scene.frames, *other], [(6, 300)], rate=4)
    facts = {"seconds": 6.0, "frame_rate": 4.0, "frames_seen": 6}
    check_caption(describer.describe(path), scene.caption, **FACTS | facts)


def test_a_film_cut_into_two_parts_is_shown_without_what_lies_between(describer: Describer, tmp_path: Path) -> None:
    scene = describer.scene(moving())
    frames = [*scene.frames[:16], *another(describer, 12), *scene.frames[16:]]
    path = cut(tmp_path / "parts.mov", frames, [(2, 0), (2, 14)])
    check_caption(describer.describe(path), scene.caption, **FACTS)


def test_the_film_is_described_and_not_the_picture_beside_it(
    describer: Describer, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    scene = describer.scene(moving())
    still = describer.scene(corner("green", "black", "square"), size=(160, 120)).picture
    small = describer.scene(moving("turns", second="blue"), size=(80, 60)).frames
    nothing = Disposition(0)
    film = tracks.film(scene.frames)
    for name, row in {
        "still-first.mov": [tracks.cover(still, nothing), film],
        "preview-first.mov": [tracks.film(small, disposition=nothing), film],
        "preview-second.mov": [film, tracks.film(small, disposition=nothing)],
        "cover-first.mp4": [tracks.cover(still), film, tracks.sound()],
        "cover-last.mkv": [film, tracks.sound(), tracks.matroska_cover(still)],
    }.items():
        with subtests.test(name):
            check_caption(describer.describe(tracks.record_tracks(tmp_path / name, row)), scene.caption, **FACTS)


CLOCKS = {
    "hour.mkv": (Coding(), 3600),
    "hour.webm": (Coding(codec="libvpx"), 3600),
    "hour.ts": (Coding(), 3600),
    "hour.flv": (Coding(), 3600),
    "day.mkv": (Coding(codec="mpeg4"), 86_000),
    "overflow.ts": (Coding(), 2**33 / 90_000 - 2),  # its clock of 33 bits starts anew in the middle
}


def test_a_film_begins_when_its_clock_says_so(describer: Describer, tmp_path: Path, subtests: pytest.Subtests) -> None:
    scene = describer.scene(moving())
    for name, (coding, start) in CLOCKS.items():
        with subtests.test(name):
            path = record(tmp_path / name, scene.frames, coding, start=start)
            check_caption(describer.describe(path), scene.caption, **FACTS)


@pytest.mark.parametrize(
    "count", [24, pytest.param(12, marks=pytest.mark.slow), pytest.param(33, marks=pytest.mark.slow)]
)
def test_a_clip_of_a_second_is_seen_to_move(
    describer: Describer, tmp_path: Path, subtests: pytest.Subtests, count: int
) -> None:
    for motion in MOTIONS:
        with subtests.test(f"{count} frames: {motion}"):
            film = moving(motion, second="blue" if motion == "turns" else "")
            scene = describer.scene(film, seconds=count / 24, rate=24)
            described = describer.describe(record(tmp_path / "short.mp4", scene.frames, Coding(rate=24)))
            assert 2 <= described.facts["frames_seen"] <= 4
            check_caption(described, scene.caption, seconds=pytest.approx(count / 24, abs=1e-5), frame_rate=24.0)


SEE_THROUGH = {
    "vp9.webm": Coding(codec="libvpx-vp9", pixels="yuva420p", tagged=False),
    "vp8.webm": Coding(codec="libvpx", pixels="yuva420p", tagged=False, settings={"auto-alt-ref": "0"}),
    "prores.mov": Coding(codec="prores_ks", pixels="yuva444p10le", tagged=False),
    "animation.mov": Coding(codec="qtrle", pixels="argb", tagged=False),
    "png.mov": Coding(codec="png", pixels="rgba", tagged=False),
    "ffv1.mkv": Coding(codec="ffv1", pixels="yuva420p", tagged=False),
}


def test_a_see_through_film_is_shown_on_white(describer: Describer, tmp_path: Path, subtests: pytest.Subtests) -> None:
    scene = describer.scene(moving())
    frames = [cut_out(frame) for frame in scene.frames]
    for name, coding in SEE_THROUGH.items():
        with subtests.test(name):
            check_caption(describer.describe(record(tmp_path / name, frames, coding)), scene.caption, **FACTS)


def cut_out(frame: Image.Image) -> Image.Image:
    """The shape alone: what was white is black and cannot be seen."""
    pixels = np.asarray(frame)
    mask = (pixels != pixels[0, 0]).any(axis=2)
    return Image.fromarray(np.dstack([pixels, mask * np.uint8(255)]) * mask[..., None])


ASPECTS = {
    "wide.mp4": (Coding(aspect=Fraction(64, 45), size=(360, 288)), (512, 288)),
    "wide.mov": (Coding(aspect=Fraction(64, 45), size=(360, 288)), (512, 288)),
    "wide.mkv": (Coding(aspect=Fraction(64, 45), size=(360, 288)), (512, 288)),
    "hdv.m2t": (Coding(codec="mpeg2video", rate=25, aspect=Fraction(4, 3), size=(480, 360)), (640, 360)),
    "disc.vob": (Coding(codec="mpeg2video", rate=25, aspect=Fraction(64, 45), size=(720, 576)), (1024, 576)),
    "tall.mp4": (Coding(aspect=Fraction(1, 2), size=(640, 240)), (320, 240)),
}


def test_wide_pixels_are_shown_wide(describer: Describer, tmp_path: Path, subtests: pytest.Subtests) -> None:
    for name, (coding, (width, height)) in ASPECTS.items():
        with subtests.test(name):
            scene = describer.scene(moving(), size=(width, height), rate=float(coding.rate))
            described = describer.describe(record(tmp_path / name, scene.frames, coding))
            check_caption(described, scene.caption, width=width, height=height, seconds=4.0, frames_seen=4)
            assert described.clip is not None
            high, wide, _ = described.clip.pictures[0].shape
            assert wide / high == pytest.approx(width / height, rel=0.05)


FRONTS: dict[str, bytes] = {
    "free.mov": box("free", b""),
    "skip.mp4": box("skip", bytes(40)),
    "wide.mov": box("wide", b""),
    "uuid.mp4": box("uuid", bytes(16) + b"anything"),
    "all.mov": box("wide", b"") + box("free", bytes(4000)) + box("uuid", bytes(16)),
}


def test_a_film_may_begin_with_other_boxes(describer: Describer, tmp_path: Path, subtests: pytest.Subtests) -> None:
    scene = describer.scene(moving())
    for name, front in FRONTS.items():
        with subtests.test(name):
            path = put_in_front(record(tmp_path / name, scene.frames, Coding()), front)
            check_caption(describer.describe(path), scene.caption, **FACTS)


#: Every tenth frame is called a key frame; the first one alone is.
FALSE_KEYS = {
    "h264.mp4": Coding(rate=24, group=1000, false_keys=10),
    "hevc.mov": Coding(rate=24, group=1000, false_keys=10, codec="libx265"),
    "hevc.mkv": Coding(rate=24, group=1000, false_keys=10, codec="libx265"),
    "vp9.webm": Coding(rate=24, group=1000, false_keys=10, codec="libvpx-vp9"),
    "mpeg4.mp4": Coding(rate=24, group=1000, false_keys=10, codec="mpeg4"),
    "mpeg4.avi": Coding(rate=24, group=1000, false_keys=10, codec="mpeg4"),
    "rpza.mov": Coding(rate=24, false_keys=10, codec="rpza", pixels="rgb555le", tagged=False),
}


def test_a_film_whose_table_of_key_frames_is_wrong_is_shown_nevertheless(
    describer: Describer, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    scene = describer.scene(moving(), seconds=8, rate=24)
    for name, coding in FALSE_KEYS.items():
        with subtests.test(name):
            described = describer.describe(record(tmp_path / name, scene.frames, coding))
            check_caption(described, scene.caption, **FACTS | {"seconds": 8.0, "frame_rate": 24.0, "frames_seen": 8})


Damage = Callable[[bytearray], None]


def lose_the_middle(content: bytearray) -> None:
    start = content.index(b"mdat")
    end = content.index(b"moov") if content.index(b"moov") > start else len(content)
    third = (end - start) // 3
    content[start + third : start + 2 * third] = bytes(third)


def lose_a_few_bytes(content: bytearray) -> None:
    start = content.index(b"mdat") + 2000
    for at in range(start, start + 6000, 500):
        content[at] ^= 0xFF


@pytest.mark.parametrize("damage", [lose_the_middle, lose_a_few_bytes])
def test_a_damaged_film_is_described_as_far_as_it_goes_and_reported_as_damaged(
    describer: Describer, tmp_path: Path, damage: Damage
) -> None:
    scene = describer.scene(moving())
    path = record(tmp_path / "damaged.mp4", scene.frames, Coding(group=4))
    content = bytearray(path.read_bytes())
    damage(content)
    path.write_bytes(content)
    described = describer.describe(path)
    assert described.clip is not None, described.refusal
    assert "damaged" in described.clip.defects
