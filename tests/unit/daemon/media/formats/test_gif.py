from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from daemon.media.formats.gif import delays
from tests.support.bombs import gif_of, gif_of_frames
from tests.support.media.media_files import some_frames

SCREEN = b"GIF89a\x02\0\x02\0\0\0\0"
FRAME = b",\0\0\0\0\x02\0\x02\0\0\x02\x02D\x01\0"


def control(hundredths: int) -> bytes:
    return b"!\xf9\x04\0" + hundredths.to_bytes(2, "little") + b"\0\0"


@pytest.mark.parametrize("colours", [2, 256])
def test_the_time_of_every_frame_is_found(tmp_path: Path, colours: int) -> None:
    """Also after local colour tables of any size."""
    frames = [frame.quantize(colours) for frame in some_frames(4, 1, (32, 24))]
    times = [100, 250, 0, 70]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], duration=times, optimize=False)
    assert delays((tmp_path / "a.gif").read_bytes()) == [time / 1000 for time in times]


def test_a_frame_without_a_stated_delay_has_none() -> None:
    assert delays(SCREEN + FRAME + control(50) + FRAME + FRAME + b";") == [0.0, 0.5, 0.0]


def test_comments_and_texts_are_passed_over() -> None:
    comment = b"!\xfe\x05!\xf9,;,\x01,\0"
    assert delays(SCREEN + comment + control(7) + comment + FRAME + b";" + FRAME) == [0.07]


@pytest.mark.parametrize("length", range(len(SCREEN + control(7) + FRAME + FRAME)))
def test_a_file_that_breaks_off_anywhere_has_the_frames_up_to_there(length: int) -> None:
    assert len(delays((SCREEN + control(7) + FRAME + FRAME)[:length])) <= 2


def test_a_single_frame_is_one(tmp_path: Path) -> None:
    Image.new("P", (4, 4)).save(tmp_path / "a.gif")
    assert delays((tmp_path / "a.gif").read_bytes()) == [0.0]
    assert delays(gif_of(65_535, 65_535)) == [0.0]


def test_more_than_enough_frames_are_not_counted(tmp_path: Path) -> None:
    assert len(delays(gif_of_frames(tmp_path, 500))) == 500
    assert len(delays(SCREEN + FRAME * 100_010)) == 100_000
