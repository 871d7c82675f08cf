from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest
from PIL import Image

from daemon.errors import MediaError, TooLargeError
from daemon.media.formats.webp import delays, size_of
from tests.support.clips import read
from tests.support.media.media_files import some_frames, some_image


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("size", [(1, 1), (320, 240), (1000, 7)])
def test_the_size_is_known_before_anything_is_unpacked(
    tmp_path: Path, mode: str, lossless: bool, size: tuple[int, int]
) -> None:
    some_image(1, size).convert(mode).save(tmp_path / "a.webp", lossless=lossless)
    with (tmp_path / "a.webp").open("rb") as file:
        assert size_of(file) == size


def test_the_canvas_of_a_moving_one_and_its_times_are_known(tmp_path: Path) -> None:
    frames = some_frames(3, 1, (64, 48))
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:], duration=[100, 40, 2000])
    with (tmp_path / "a.webp").open("rb") as file:
        assert size_of(file) == (64, 48)
        assert delays(file) == [0.1, 0.04, 2.0]


@pytest.mark.parametrize(
    "content", [b"", b"RIFF\0\0\0\0WEBP", b"RIFF\0\0\0\0WEBPVP8 \x0a\0\0\0nonsense..", b"RIFF\0\0\0\0WEBPVP8X"]
)
def test_where_there_is_no_size_there_is_none(content: bytes) -> None:
    assert size_of(io.BytesIO(content)) is None
    assert delays(io.BytesIO(content)) == []


def test_a_canvas_that_is_too_large_takes_no_memory(tmp_path: Path) -> None:
    size = struct.pack("<I", 16_383)[:3] * 2
    chunk = b"VP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + size
    path = tmp_path / "a.webp"
    path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk)
    with pytest.raises(TooLargeError, match="16384×16384"):
        read(path)


def test_what_no_frame_covers_shows_white(tmp_path: Path) -> None:
    """Although no frame has alpha, and the file's header states that there is none."""
    frames = [Image.new("RGBA", (64, 48)) for _ in range(3)]
    for number, frame in enumerate(frames):
        frame.paste((200, 0, 0, 255), (8 * number, 8, 8 * number + 16, 24))
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:], duration=800, lossless=True)
    clip = read(tmp_path / "a.webp")
    assert [picture[40, 60].tolist() for picture in clip.pictures] == [[255, 255, 255]] * len(clip.pictures)
    assert clip.pictures[0][10, 10].tolist() == [200, 0, 0]


def test_a_torn_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.webp"
    some_image().save(path)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(MediaError):
        read(path)
