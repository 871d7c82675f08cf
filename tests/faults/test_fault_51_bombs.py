"""Fault 51: small files that unpack to gigabytes. Real."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from daemon.errors import MediaError, TooLargeError, UnreadableError
from daemon.media.decoder.decoder import Decoder
from tests.fakes.readers import scripted
from tests.support.bombs import bmp_of, broadcast_of, gif_of, gif_of_frames, heic_of, mp4_of, png_of, vp8_of
from tests.support.decoders import decode, decoding, pid_of

#: What the process may grow by; the bombs would unpack to 480 MB and more. FFmpeg makes tables before it measures.
GROWTH = 100 * 1024**2

BOMBS: dict[str, Callable[[Path], bytes]] = {
    "png of 160 megapixels": lambda folder: png_of(16_000, 10_000),
    "png of a gigapixel": lambda folder: png_of(1_000_000, 1_000),
    "gif of 65535 x 65535": lambda folder: gif_of(65_535, 65_535),
    "bmp of 400 megapixels": lambda folder: bmp_of(20_000, 20_000),
    "heic of 200 megapixels": lambda folder: heic_of(folder, 16_384, 12_288),
    "mp4 of 201 megapixels": lambda folder: mp4_of(folder, 16_384, 12_288),
    "broadcast of 201 megapixels": lambda folder: broadcast_of(folder, 16_384, 12_288),
}


@pytest.fixture
def decoder() -> Iterator[Decoder]:
    with decoding(scripted) as made:
        yield made


def peak(pid: int) -> int:
    """Resident bytes at most so far."""
    if sys.platform != "linux":
        return int(psutil.Process(pid).memory_info().rss)
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_with_its_size_in_no_time_and_no_memory(decoder: Decoder, tmp_path: Path, name: str) -> None:
    path = tmp_path / "bomb.jpg"
    path.write_bytes(BOMBS[name](tmp_path))
    pid = pid_of(decoder, tmp_path)
    before, began = peak(pid), time.monotonic()
    with pytest.raises(TooLargeError, match=r"too large \(\d+×\d+\)"):
        decode(decoder, path)
    assert time.monotonic() - began < 1
    assert pid_of(decoder, tmp_path) == pid
    assert peak(pid) - before < GROWTH


def test_a_size_that_comes_out_in_the_middle_is_refused_too(decoder: Decoder, tmp_path: Path) -> None:
    path = tmp_path / "bomb.webm"
    path.write_bytes(vp8_of(tmp_path, 16_383, 16_383))
    pid = pid_of(decoder, tmp_path)
    before = peak(pid)
    with pytest.raises((TooLargeError, UnreadableError)):
        decode(decoder, path)
    assert peak(pid) - before < GROWTH


def test_of_ten_thousand_frames_few_are_kept(decoder: Decoder, tmp_path: Path) -> None:
    """As many as of any film. They are unpacked one after the other, which takes time, but no memory."""
    path = tmp_path / "many.gif"
    path.write_bytes(gif_of_frames(tmp_path, 10_000))
    pid = pid_of(decoder, tmp_path)
    before = peak(pid)
    clip = decode(decoder, path)
    assert len(clip.pictures) == clip.media.frames_seen == 64
    assert clip.media.seconds == 1000
    assert peak(pid) - before < GROWTH


def test_a_picture_within_the_limit_that_is_all_there_is_unpacked(decoder: Decoder, tmp_path: Path) -> None:
    """The limits are not so tight that what is allowed fails."""
    path = tmp_path / "large.png"
    path.write_bytes(png_of(10_000, 10_000))
    try:
        assert decode(decoder, path).media.width == 10_000
    except MediaError as error:
        pytest.fail(str(error))
