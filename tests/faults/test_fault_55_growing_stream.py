"""Fault 55: a file that somebody goes on writing while it is opened, or that has no end. Real."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from daemon.errors import ChangedError, MediaError, TooLargeError
from tests.support.clips import plan
from tests.support.decoders import decode, decoding
from tests.support.media.media_files import grey_frames, save_image, save_video, some_image


@contextmanager
def written_to(path: Path, more: bytes) -> Iterator[None]:
    """Bytes are appended all the time, from before until after, but too slowly to reach the cap on bytes."""
    stop, begun = threading.Event(), threading.Event()

    def append() -> None:
        with path.open("ab", buffering=0) as file:
            while not stop.is_set() and file.tell() < 2_000_000_000:
                file.write(more)
                begun.set()
                time.sleep(0.0001)

    writer = threading.Thread(target=append)
    writer.start()
    begun.wait()
    try:
        yield
    finally:
        stop.set()
        writer.join()


def endless(path: Path) -> tuple[Path, bytes]:
    """A film in Matroska and its clusters, which may follow each other for ever; no length is stated."""
    whole = save_video(path, grey_frames(48), group=4, options={"live": "1", "cluster_time_limit": "500"}).read_bytes()
    return path, whole[whole.index(b"\x1f\x43\xb6\x75") :]


@pytest.mark.parametrize("suffix", [".mkv", ".jpg"])
def test_a_file_that_is_written_to_meanwhile_is_opened_another_time(tmp_path: Path, suffix: str) -> None:
    if suffix == ".mkv":
        path, more = endless(tmp_path / "a.mkv")
    else:
        # So large that opening it takes longer than a busy machine may keep the writer waiting.
        path, more = save_image(tmp_path / "a.jpg", some_image(size=(3000, 2000))), bytes(4096)
    with decoding() as decoder:
        decoder.sandbox()
        began = time.monotonic()
        with written_to(path, more), pytest.raises(ChangedError):
            decode(decoder, path, plan(seconds=10))
        assert time.monotonic() - began < 5


def test_a_film_of_many_hours_is_seen_within_the_caps_on_frames_and_time(tmp_path: Path) -> None:
    path, more = endless(tmp_path / "a.mkv")
    with path.open("ab") as file:
        for _ in range(2000):
            file.write(more)
    with decoding() as decoder:
        decoder.sandbox()
        began = time.monotonic()
        try:
            assert 1 <= len(decode(decoder, path, plan(seconds=2, max_frames=8)).pictures) <= 8
        except MediaError as error:
            pytest.fail(str(error))
        assert time.monotonic() - began < 4


def test_a_file_beyond_the_cap_on_bytes_is_not_read_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with path.open("wb") as file:
        file.truncate(10**9 + 1)
    with decoding() as decoder, pytest.raises(TooLargeError, match="1,000,000,001 bytes"):
        decode(decoder, path)
