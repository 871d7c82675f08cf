"""Local files into the inbox: copied under a temporary name, checked as fetched ones are, never over another file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from config.settings import FetchSettings
from daemon.errors import ChangedError, FetchError, RefusedUrlError
from daemon.fetching.local_copy import chunks_of, copy_into
from tests.support.media.media_files import save_image, some_image

LIMITS = FetchSettings()


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    (tmp_path / "inbox").mkdir()
    return tmp_path / "inbox"


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    return save_image(tmp_path / "beach.png", some_image(1, (64, 48)))


def names_in(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_a_file_is_copied_whole_and_the_original_stays(inbox: Path, picture: Path) -> None:
    copied = copy_into(inbox, picture, LIMITS)
    assert (copied.path, copied.bytes, copied.format) == (inbox / "beach.png", picture.stat().st_size, "png")
    assert copied.path.read_bytes() == picture.read_bytes()
    assert names_in(inbox) == ["beach.png"]
    assert not copied.path.samefile(picture)


def test_another_file_of_that_name_is_never_replaced(inbox: Path, picture: Path) -> None:
    (inbox / "beach.png").write_bytes(b"another")
    assert copy_into(inbox, picture, LIMITS).path == inbox / "beach-2.png"
    assert (inbox / "beach.png").read_bytes() == b"another"


def test_the_same_file_again_is_not_copied_twice(inbox: Path, picture: Path) -> None:
    first = copy_into(inbox, picture, LIMITS).path
    assert copy_into(inbox, picture, LIMITS).path == first
    assert names_in(inbox) == ["beach.png"]


def test_a_file_of_the_inbox_stays_where_it_is(inbox: Path, picture: Path) -> None:
    (inbox / "trip").mkdir()
    inside = picture.rename(inbox / "trip" / "beach.png")
    assert copy_into(inbox, inside, LIMITS).path == inside
    assert names_in(inbox) == ["trip"]


def test_a_link_is_followed_and_keeps_its_name(inbox: Path, picture: Path, tmp_path: Path) -> None:
    (tmp_path / "link.png").symlink_to(picture)
    copied = copy_into(inbox, tmp_path / "link.png", LIMITS).path
    assert copied == inbox / "link.png"
    assert not copied.is_symlink()


def test_a_name_is_made_safe_and_is_not_decoded(inbox: Path, picture: Path, tmp_path: Path) -> None:
    odd = picture.rename(tmp_path / ".50%20\x1b.png")
    assert copy_into(inbox, odd, LIMITS).path == inbox / "50_20.png"


def test_what_is_larger_than_the_limit_is_refused(inbox: Path, picture: Path) -> None:
    with pytest.raises(RefusedUrlError, match="larger than 100 bytes") as raised:
        copy_into(inbox, picture, FetchSettings(max_bytes=100))
    assert raised.value.rule == "size"
    assert names_in(inbox) == []


def test_what_is_no_picture_or_video_is_refused_and_named_whatever_its_name(inbox: Path, tmp_path: Path) -> None:
    (tmp_path / "song.png").write_bytes(b"ID3\4" + bytes(100))
    with pytest.raises(RefusedUrlError, match=r"It is a song \(MP3\)") as raised:
        copy_into(inbox, tmp_path / "song.png", LIMITS)
    assert raised.value.rule == "content"
    assert names_in(inbox) == []


def test_an_empty_file_is_refused(inbox: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    with pytest.raises(FetchError, match="The file is empty"):
        copy_into(inbox, tmp_path / "empty.png", LIMITS)
    assert names_in(inbox) == []


def test_a_folder_and_a_pipe_are_refused_at_once(inbox: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(FetchError, match="It is a pipe, not a file"):
        copy_into(inbox, tmp_path / "pipe.png", LIMITS)
    (tmp_path / "folder").mkdir()
    with pytest.raises(FetchError, match="It is a folder, not a file"):
        copy_into(inbox, tmp_path / "folder", LIMITS)


@pytest.mark.parametrize("mode", ["ab", "wb"])
def test_a_file_that_changes_while_it_is_copied_is_noticed(picture: Path, mode: str) -> None:
    descriptor = os.open(picture, os.O_RDONLY)
    chunks = chunks_of(descriptor)
    next(chunks)
    with picture.open(mode) as file:
        file.write(b"more")
    with pytest.raises(ChangedError, match="changed while it was copied"):
        list(chunks)
    os.close(descriptor)


def test_an_inbox_that_cannot_be_written_is_an_error(picture: Path, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="cannot be copied into the inbox: No such file or directory"):
        copy_into(tmp_path / "nowhere", picture, LIMITS)
