from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from daemon.evaluation.running.case_media import MediaMissingError, files_of, with_control
from daemon.evaluation.suites.suite import Case, Suite
from daemon.media.clip import Clip
from storage.description import Media
from storage.records import MediaKind

FRAMES = tuple(np.full((2, 3, 3), shade, np.uint8) for shade in (0, 100, 200))
MEDIA = Media(kind=MediaKind.VIDEO, format="mp4", width=3, height=2, seconds=3.0, frame_rate=1.0)
CLIP = Clip(media=MEDIA, pictures=FRAMES, timestamps=(0.0, 1.0, 2.0))


def shades(clip: Clip) -> list[int]:
    return [int(picture[0, 0, 0]) for picture in clip.pictures]


def test_backwards_the_frames_change_places_and_the_times_stay() -> None:
    (clip,) = with_control([CLIP], "reversed")
    assert shades(clip) == [200, 100, 0]
    assert clip.timestamps == CLIP.timestamps


def test_several_pictures_change_places() -> None:
    first, second = (replace(CLIP, pictures=(frame,), timestamps=()) for frame in FRAMES[:2])
    assert with_control([first, second], "reversed") == (second, first)


def test_a_blank_clip_has_the_same_size_and_shows_nothing() -> None:
    (clip,) = with_control([CLIP], "blank")
    assert shades(clip) == [128, 128, 128]
    assert [picture.shape for picture in clip.pictures] == [(2, 3, 3)] * 3


def test_without_a_control_clips_stay_as_they_are() -> None:
    assert with_control([CLIP], None) == (CLIP,)


def test_files_are_beside_the_suite(tmp_path: Path) -> None:
    suite = Suite(name="mine", description="", cases=(), media_folder=tmp_path)
    case = Case(name="dog", media=["a.jpg", "b.jpg"], ask="What?", contains="dog")
    assert files_of(suite, case) == (str(tmp_path / "a.jpg").encode(), str(tmp_path / "b.jpg").encode())


def test_a_photograph_that_is_not_installed_says_so(tmp_path: Path) -> None:
    suite = Suite(name="mine", description="", cases=(), media_folder=tmp_path)
    case = Case(name="dog", media=["skimage:no-such-picture.png"], ask="What?", contains="dog")
    with pytest.raises(MediaMissingError, match=r"no-such-picture|an extra"):
        files_of(suite, case)
