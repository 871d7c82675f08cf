from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from daemon.errors import MediaError, NotAllowedError, UnreadableError
from daemon.media.sniff import HEAD_BYTES, sniff
from daemon.media.video.track_selection import Track, best_track, select_track
from tests.support.clips import read
from tests.support.media.media_files import frame_number, grey_frames
from tests.support.media.track_kinds import CONTAINERS, Beside, Film, save_films

WITH_SOUND = sorted(CONTAINERS.keys() - {".m2v", ".mxf", ".dv"})  # these hold no sound alone


def track(
    index: int, frames: int | None = 100, pixels: int = 100, *, default: bool = False, known: bool = True
) -> Track:
    return Track(index=index, is_known=known, is_default=default, pixels=pixels, frames=frames)


@pytest.mark.parametrize(
    ("tracks", "has_sound", "best"),
    [
        ([track(0), track(1)], False, 0),
        ([track(0), track(1, default=True)], True, 1),
        ([track(0, frames=1, default=True), track(1)], True, 1),
        ([track(0, frames=1, default=True), track(1)], False, 1),
        ([track(0, frames=10), track(1)], True, 1),
        ([track(0, pixels=50), track(1, frames=99)], True, 1),
        ([track(0, known=False, default=True), track(1)], True, 1),
        ([track(0, known=False)], True, 0),
        ([track(0, frames=1)], False, 0),
        ([track(0, frames=1)], True, None),
        ([track(0, frames=None)], True, 0),
        ([], True, None),
    ],
)
def test_the_film_is_a_default_track_then_the_one_of_most_frames_and_pixels(
    tracks: Sequence[Track], has_sound: bool, best: int | None
) -> None:
    found = best_track(tracks, has_sound)
    assert (None if found is None else found.index) == best


def chosen(path: Path) -> int:
    fd = os.open(path, os.O_RDONLY)
    try:
        format = sniff(os.pread(fd, HEAD_BYTES, 0))
        assert format is not None
        return select_track(fd, format, lambda: None)
    finally:
        os.close(fd)


def refused(path: Path) -> MediaError:
    with pytest.raises(MediaError) as refusal:
        read(path)
    return refusal.value


def black(count: int, size: tuple[int, int] = (64, 48)) -> list[Image.Image]:
    return [Image.new("RGB", size, "black")] * count


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("sounds", [0, 1])
def test_a_still_picture_in_front_is_not_the_film(tmp_path: Path, suffix: str, sounds: int) -> None:
    films = [Film(frames=black(1), is_default=True), Film(frames=grey_frames(24), is_default=False)]
    path = save_films(tmp_path / f"a{suffix}", films, Beside(sounds=sounds))
    assert chosen(path) == 1
    assert [frame_number(frame) for frame in read(path).pictures] == [0, 11, 23]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
def test_a_preview_in_front_is_not_the_film(tmp_path: Path, suffix: str) -> None:
    films = [Film(frames=black(24, (32, 24)), is_default=False), Film(frames=grey_frames(24), is_default=True)]
    assert chosen(save_films(tmp_path / f"a{suffix}", films, Beside(sounds=1))) == 1


def test_of_two_alike_the_larger_is_the_film(tmp_path: Path) -> None:
    films = [Film(frames=black(24, (32, 24))), Film(frames=grey_frames(23))]
    assert chosen(save_films(tmp_path / "a.mkv", films, Beside(sounds=1))) == 1


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_film_with_a_cover_is_a_film(tmp_path: Path, suffix: str) -> None:
    path = save_films(tmp_path / f"a{suffix}", [Film(frames=grey_frames(24))], Beside(sounds=1, cover=True))
    assert chosen(path) == 0


@pytest.mark.parametrize("suffix", WITH_SOUND)
def test_sound_alone_is_refused_at_once(tmp_path: Path, suffix: str) -> None:
    error = refused(save_films(tmp_path / f"a{suffix}", [], Beside(sounds=1)))
    assert isinstance(error, NotAllowedError)
    if suffix == ".ogv":  # is not even known as a video
        return
    assert str(error) == "It contains only sound, no video."


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".avi"])
def test_a_song_with_its_cover_as_a_track_is_no_film(tmp_path: Path, suffix: str) -> None:
    error = refused(save_films(tmp_path / f"a{suffix}", [Film(frames=grey_frames(1))], Beside(sounds=1)))
    assert (error.code, str(error)) == ("not-allowed", "It contains sound with a cover picture, but no video.")


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_song_with_an_attached_cover_is_no_film(tmp_path: Path, suffix: str) -> None:
    error = refused(save_films(tmp_path / f"a{suffix}", [], Beside(sounds=1, cover=True)))
    assert (error.code, str(error)) == ("not-allowed", "It contains sound with a cover picture, but no video.")


def test_subtitles_alone_are_no_film(tmp_path: Path) -> None:
    error = refused(save_films(tmp_path / "a.mkv", [], Beside(subtitles=("subrip",))))
    assert (error.code, str(error)) == ("not-allowed", "It contains no video.")


def test_in_a_file_that_breaks_off_the_film_may_still_come(tmp_path: Path) -> None:
    path = save_films(tmp_path / "a.mkv", [], Beside(sounds=1))
    path.write_bytes(path.read_bytes()[:-300])
    assert isinstance(refused(path), UnreadableError)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
def test_a_film_in_many_languages_is_read(tmp_path: Path, suffix: str) -> None:
    texts = {".mp4": "mov_text", ".mkv": "subrip"}
    beside = Beside(sounds=24, subtitles=(texts[suffix],) * 12 if suffix in texts else ())
    clip = read(save_films(tmp_path / f"a{suffix}", [Film(frames=grey_frames(24))], beside))
    assert [frame_number(frame) for frame in clip.pictures] == [0, 11, 23]
    assert clip.defects == ()


def test_a_codec_that_is_not_on_the_list_is_refused(tmp_path: Path) -> None:
    error = refused(save_films(tmp_path / "a.avi", [Film(frames=grey_frames(4), codec="asv1")]))
    assert (error.code, str(error)) == ("not-allowed", "smolwatch does not support the video's codec (asv1).")


def test_a_track_that_can_be_shown_is_preferred_to_one_that_cannot(tmp_path: Path) -> None:
    films = [Film(frames=black(24), codec="snow", is_default=True), Film(frames=grey_frames(24), codec="mpeg4")]
    path = save_films(tmp_path / "a.mkv", films)
    assert chosen(path) == 1
    assert np.allclose(read(path).pictures[0], 8, atol=4)
