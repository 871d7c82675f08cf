from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest

from daemon.errors import (
    ChangedError,
    GoneError,
    MediaError,
    NoAccessError,
    NotRegularError,
    TooLargeError,
    UnreadableError,
)
from daemon.media.safe_open import media_error, open_checked
from storage.records import Fingerprint
from tests.support.disk_names import can_name


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"twelve bytes")
    return path


def opened(path: Path, *, max_bytes: int = 100, expected: Fingerprint | None = None) -> int:
    return open_checked(os.fsencode(path), max_bytes=max_bytes, expected=expected)


def test_a_regular_file_is_opened_at_its_beginning(photo: Path) -> None:
    fd = opened(photo, max_bytes=12, expected=Fingerprint.of(photo.stat()))
    try:
        assert os.read(fd, 6) == b"twelve"
    finally:
        os.close(fd)


def test_a_name_that_is_no_utf8_is_opened(tmp_path: Path) -> None:
    if not can_name(tmp_path, b"bad\xff.jpg"):
        pytest.skip("no file can have this name on this disk")
    path = os.fsencode(tmp_path) + b"/bad\xff.jpg"
    with open(path, "wb") as file:  # noqa: PTH123  (a Path cannot be made of bytes)
        file.write(b"x")
    os.close(open_checked(path, max_bytes=1))


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    pipe, plug, folder, link = (tmp_path / f"{name}.jpg" for name in ("pipe", "plug", "folder", "link"))
    os.mkfifo(pipe)
    folder.mkdir()
    link.symlink_to(tmp_path / "elsewhere.jpg")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(plug))
        began = time.monotonic()
        for path in (pipe, plug, folder, link, Path("/dev/null")):
            with pytest.raises(NotRegularError):
                opened(path)
        assert time.monotonic() - began < 0.5


def test_a_link_to_a_file_is_not_followed(tmp_path: Path, photo: Path) -> None:
    link = tmp_path / "link.jpg"
    link.symlink_to(photo)
    with pytest.raises(NotRegularError, match="link"):
        opened(link)


def test_a_missing_file_is_gone(tmp_path: Path, photo: Path) -> None:
    for path in (tmp_path / "missing.jpg", photo / "inside.jpg"):
        with pytest.raises(GoneError):
            opened(path)


def test_an_empty_file_is_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "empty.jpg"
    path.touch()
    with pytest.raises(UnreadableError, match="empty"):
        opened(path)


def test_a_file_over_the_limit_is_too_large(photo: Path) -> None:
    with pytest.raises(TooLargeError, match="12 bytes"):
        opened(photo, max_bytes=11)


def test_a_file_that_was_written_to_has_changed(photo: Path) -> None:
    expected = Fingerprint.of(photo.stat())
    photo.write_bytes(b"other bytes now")
    with pytest.raises(ChangedError):
        opened(photo, expected=expected)


def test_a_file_that_was_emptied_has_changed_rather_than_being_broken(photo: Path) -> None:
    expected = Fingerprint.of(photo.stat())
    photo.write_bytes(b"")
    with pytest.raises(ChangedError):
        opened(photo, expected=expected)


def test_a_refusal_leaves_no_descriptor_open(photo: Path) -> None:
    before = os.open(photo, os.O_RDONLY)
    os.close(before)
    with pytest.raises(TooLargeError):
        opened(photo, max_bytes=1)
    after = os.open(photo, os.O_RDONLY)
    os.close(after)
    assert after == before


@pytest.mark.parametrize(
    ("number", "kind", "word"),
    [(1, NoAccessError, "system"), (13, NoAccessError, "permitted"), (5, NoAccessError, "cannot open")],
)
def test_os_errors_become_sentences(number: int, kind: type[MediaError], word: str) -> None:
    error = media_error(OSError(number, "no"))
    assert type(error) is kind
    assert word in str(error)
    assert error.detail == ("Input/output error" if number == 5 else "")
