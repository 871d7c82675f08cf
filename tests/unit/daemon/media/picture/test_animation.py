from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from daemon.errors import UnreadableError
from daemon.media.clip import Clip
from daemon.media.picture import animation
from daemon.media.picture.animation import sample_frames, timeline
from storage.description import Media
from storage.records import MediaKind
from tests.support.clips import plan, read

#: By format: how Pillow writes frames that are to replace each other.
FORMATS: dict[str, dict[str, Any]] = {
    "gif": {"disposal": 2},
    "webp": {"lossless": True},
    "png": {"disposal": 1},
    "avif": {"quality": 95, "subsampling": "4:4:4"},
}
CLEAR = (0, 0, 0, 0)


def frames(count: int, ground: tuple[int, ...] = (255, 255, 255, 255)) -> list[Image.Image]:
    """A red square that moves to the right by four pixels a frame."""
    made = [Image.new("RGBA", (96, 48), ground) for _ in range(count)]
    for number, frame in enumerate(made):
        ImageDraw.Draw(frame).rectangle((4 * number, 16, 4 * number + 11, 27), fill=(220, 0, 0, 255))
    return made


def save(path: Path, pictures: Sequence[Image.Image], seconds: float | Sequence[float], **options: Any) -> Path:
    times = [round(1000 * each) for each in seconds] if isinstance(seconds, Sequence) else round(1000 * seconds)
    options = FORMATS[path.suffix[1:]] | options
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=times, **options)
    return path


def seen(clip: Clip) -> list[int]:
    """Which of `frames` the pictures are."""
    numbers = []
    for picture in clip.pictures:
        red = (picture[..., 0] > 180) & (picture[..., 1] < 90)
        numbers.append(round(int(np.nonzero(red.any(axis=0))[0].min()) / 4))
    return numbers


@pytest.mark.parametrize("format", FORMATS)
def test_a_moving_picture_is_a_clip_with_its_own_times(tmp_path: Path, format: str) -> None:
    clip = read(save(tmp_path / f"a.{format}", frames(12), 0.25))
    assert clip.media == Media(
        kind=MediaKind.VIDEO, format=format, width=96, height=48, seconds=3.0, frame_rate=4.0, frames_seen=3
    )
    assert clip.timestamps == (0.0, 1.25, 2.75)
    assert seen(clip) == [0, 5, 11]
    assert clip.defects == ()


@pytest.mark.parametrize("format", FORMATS)
def test_one_frame_is_a_picture(tmp_path: Path, format: str) -> None:
    assert read(save(tmp_path / f"a.{format}", frames(1), 2)).media == Media(
        kind=MediaKind.IMAGE, format=format, width=96, height=48
    )


@pytest.mark.parametrize("format", FORMATS)
def test_of_a_very_short_clip_more_than_one_frame_is_seen(tmp_path: Path, format: str) -> None:
    assert seen(read(save(tmp_path / f"a.{format}", frames(8), 0.1))) == [0, 2, 4, 7]
    assert seen(read(save(tmp_path / f"b.{format}", frames(2), 0.3))) == [0, 1]


@pytest.mark.parametrize("format", FORMATS)
def test_frames_that_are_shown_longer_are_picked_by_time(tmp_path: Path, format: str) -> None:
    clip = read(save(tmp_path / f"a.{format}", frames(12), [0.1] * 6 + [2.0] * 5 + [0.1]))
    assert (clip.media.seconds, clip.media.frame_rate) == (10.7, 1.121)
    assert seen(clip) == [0, 6, 7, 8, 9, 10, 11]
    assert clip.timestamps == pytest.approx((0.0, 0.6, 2.6, 4.6, 6.6, 8.6, 10.6))


@pytest.mark.parametrize("format", FORMATS)
def test_a_frame_without_a_time_is_shown_for_a_tenth_of_a_second(tmp_path: Path, format: str) -> None:
    assert read(save(tmp_path / f"a.{format}", frames(12), 0)).media.seconds == 1.2


@pytest.mark.parametrize(
    ("delays", "seconds"), [((0.0, 0.01), 0.2), ((0.02, 0.03), 0.05), ((0.0101, 0.5), 0.5101), ((5.0,), 5.0)]
)
def test_times_are_taken_as_browsers_take_them(delays: tuple[float, ...], seconds: float) -> None:
    assert timeline(delays)[1] == pytest.approx(seconds)


@pytest.mark.parametrize("format", FORMATS)
def test_a_see_through_frame_shows_on_white_and_nothing_of_the_one_before(tmp_path: Path, format: str) -> None:
    clip = read(save(tmp_path / f"a.{format}", frames(6, CLEAR), 0.5))
    assert seen(clip) == [0, 2, 5]
    assert clip.pictures[-1][0, 0].min() >= 250
    assert clip.pictures[-1][20, 4].min() >= 250


@pytest.mark.parametrize("format", ["gif", "webp", "png"])
def test_frames_that_show_nothing_do_not_count_before_one_that_does(tmp_path: Path, format: str) -> None:
    clear = Image.new("RGBA", (96, 48), CLEAR)
    clip = read(save(tmp_path / f"a.{format}", [clear, *frames(5)], 0.4))
    assert clip.media.kind is MediaKind.VIDEO
    assert clip.timestamps[0] == 0.4
    assert seen(clip)[0] == 0


@pytest.mark.parametrize("format", ["gif", "webp", "png"])
def test_a_clear_frame_and_one_more_are_a_picture_that_stays_still(tmp_path: Path, format: str) -> None:
    clip = read(save(tmp_path / f"a.{format}", [Image.new("RGBA", (96, 48), CLEAR), frames(3)[2]], 0.4))
    assert clip.media.kind is MediaKind.IMAGE
    assert seen(clip) == [2]


def test_a_picture_that_never_shows_anything_is_white(tmp_path: Path) -> None:
    faint = [Image.new("RGBA", (8, 8), (shade, 0, 0, 0)) for shade in (10, 200)]
    clip = read(save(tmp_path / "a.png", faint, 0.5))
    assert clip.media.kind is MediaKind.IMAGE
    assert clip.pictures[0].min() == 255


@pytest.mark.parametrize("blend", [0, 1])
def test_a_png_for_programs_that_show_no_movement_is_not_part_of_it(tmp_path: Path, blend: int) -> None:
    path = tmp_path / "a.png"
    other = Image.new("RGBA", (96, 48), (0, 0, 255, 255))
    options: dict[str, Any] = {"blend": blend, "disposal": 1}
    other.save(path, save_all=True, append_images=frames(6, CLEAR), duration=400, default_image=True, **options)
    clip = read(path)
    assert (clip.media.seconds, clip.media.frame_rate) == (2.4, 2.5)
    assert seen(clip) == [0, 5]
    assert clip.pictures[0][40, 90].tolist() == [255, 255, 255]


def test_of_a_png_whose_frames_are_in_disorder_the_other_picture_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    other = Image.new("RGBA", (96, 48), (0, 0, 255, 255))
    other.save(path, save_all=True, append_images=frames(6, CLEAR), duration=400, default_image=True)
    content = bytearray(path.read_bytes())
    at = [place for place in range(len(content)) if content[place : place + 4] == b"fcTL"][3]
    content[at + 7] += 1
    path.write_bytes(content)
    clip = read(path)
    assert clip.media == Media(kind=MediaKind.IMAGE, format="png", width=96, height=48)
    assert clip.pictures[0][0, 0].tolist() == [0, 0, 255]


def test_a_frame_that_is_far_too_large_ends_a_moving_picture(tmp_path: Path) -> None:
    path = save(tmp_path / "a.gif", frames(6), 1)
    content = path.read_bytes()
    huge = b",\0\0\0\0\xff\xff\xff\xff\0\2\2D\1\0"
    path.write_bytes(content[:-1] + huge + b";")
    clip = read(path)
    assert (clip.defects, len(clip.pictures)) == (("cut-short",), 5)


def test_an_animation_is_transposed_by_its_orientation_tag(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    clip = read(save(tmp_path / "a.webp", frames(6), 0.5, exif=exif))
    assert (clip.media.width, clip.media.height) == (48, 96)
    assert clip.pictures[0].shape == (96, 48, 3)


def test_frames_are_shrunk_to_their_own_limit(tmp_path: Path) -> None:
    clip = read(save(tmp_path / "a.gif", frames(4), 1), plan(frame_edge=48))
    assert {picture.shape for picture in clip.pictures} == {(24, 48, 3)}
    assert (clip.media.width, clip.media.height) == (96, 48)


@pytest.mark.parametrize("format", ["gif", "png"])
def test_of_a_file_that_breaks_off_the_frames_up_to_there_are_seen(tmp_path: Path, format: str) -> None:
    path = save(tmp_path / f"a.{format}", [Image.effect_noise((96, 48), 60).convert("RGBA") for _ in range(12)], 1)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    clip = read(path)
    assert clip.defects == ("cut-short",)
    assert 5 <= len(clip.pictures) <= 8


@pytest.mark.parametrize("format", FORMATS)
def test_a_file_that_breaks_off_in_its_first_frame_is_refused(tmp_path: Path, format: str) -> None:
    path = save(tmp_path / f"a.{format}", [Image.effect_noise((96, 48), 60).convert("RGBA") for _ in range(4)], 1)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 8])
    with pytest.raises(UnreadableError, match="picture is damaged"):
        read(path)


def test_when_the_time_is_up_what_was_seen_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "a.gif", frames(12), 1)
    ticks = iter(range(1000))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(ticks)))
    monkeypatch.setattr(animation, "DECODE_SECONDS", 3.5)
    clip = read(path)
    assert seen(clip) == [0, 1, 2, 3]
    assert clip.media.seconds == 12.0


def test_even_times_are_sampled_by_the_stock_rule() -> None:
    starts, seconds = timeline([0.125] * 800)
    assert sample_frames(starts, seconds, plan()) == [int(number) for number in np.linspace(8, 792, 64, dtype=int)]


def test_at_most_max_frames_are_sampled() -> None:
    starts, seconds = timeline([0.1] * 100)
    assert sample_frames(starts, seconds, plan(max_frames=1)) == [10]
    assert len(sample_frames(starts, seconds, plan(max_frames=4))) == 4
