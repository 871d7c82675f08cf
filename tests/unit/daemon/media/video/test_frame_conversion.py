from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from av.video.frame import VideoFrame
from PIL import Image

from daemon.errors import UnreadableError
from daemon.media.sampling import shrink
from daemon.media.video.display_geometry import DisplayGeometry
from daemon.media.video.frame_conversion import convert_frames
from daemon.media.video.frame_seeker import SeekedFrame
from tests.support.media.media_files import some_image


def shots(*sizes: tuple[int, int]) -> Iterator[SeekedFrame]:
    for number, size in enumerate(sizes):
        yield SeekedFrame(number / 2, VideoFrame.from_image(some_image(0).resize(size)))


def test_pictures_come_with_their_times_and_the_first_ones_size() -> None:
    film = convert_frames(shots((320, 240), (320, 240)), DisplayGeometry(), 512)
    assert [picture.shape for picture in film.pictures] == [(240, 320, 3)] * 2
    assert film.timestamps == (0.0, 0.5)
    assert (film.width, film.height) == (320, 240)
    assert np.array_equal(film.pictures[0], np.asarray(some_image(0)))


def test_pictures_are_shrunk_as_images_are() -> None:
    film = convert_frames(shots((320, 240)), DisplayGeometry(), 100)
    assert np.array_equal(film.pictures[0], shrink(np.asarray(some_image(0)), 100))
    assert (film.width, film.height) == (320, 240)


@pytest.mark.parametrize(
    ("appearance", "shown", "shape"),
    [
        (DisplayGeometry(pixel_aspect=2), (640, 240), (38, 100, 3)),
        (DisplayGeometry(pixel_aspect=0.5), (160, 240), (100, 66, 3)),
        (DisplayGeometry(transposed=True, pixel_aspect=2), (240, 640), (100, 38, 3)),
        (DisplayGeometry(transposed=True), (240, 320), (100, 76, 3)),
    ],
)
def test_what_is_stretched_and_rotated_is_shrunk_in_one_step(
    appearance: DisplayGeometry, shown: tuple[int, int], shape: tuple[int, int, int]
) -> None:
    film = convert_frames(shots((320, 240)), appearance, 100)
    assert (film.width, film.height) == shown
    assert film.pictures[0].shape == shape
    assert film.pictures[0].flags.c_contiguous


def test_a_stretched_picture_shows_the_same_but_wider() -> None:
    film = convert_frames(shots((320, 240)), DisplayGeometry(pixel_aspect=1.5), 512)
    wide = np.asarray(some_image(0).resize((480, 240), Image.Resampling.LANCZOS))
    assert np.array_equal(film.pictures[0], wide)


@pytest.mark.parametrize("size", [(1, 1), (3, 1), (1, 7), (33, 17)])
def test_small_and_odd_sizes_are_kept(size: tuple[int, int]) -> None:
    film = convert_frames(shots(size), DisplayGeometry(), 512)
    assert film.pictures[0].shape == (size[1], size[0], 3)


def test_a_frame_of_another_size_in_the_middle_keeps_its_own() -> None:
    film = convert_frames(shots((320, 240), (160, 120)), DisplayGeometry(), 512)
    assert [picture.shape for picture in film.pictures] == [(240, 320, 3), (120, 160, 3)]
    assert (film.width, film.height) == (320, 240)


def test_a_film_without_a_frame_is_damaged() -> None:
    with pytest.raises(UnreadableError, match="no frame"):
        convert_frames(shots(), DisplayGeometry(), 512)
