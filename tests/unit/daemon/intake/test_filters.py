from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from config.settings import InboxSettings
from daemon.intake.filters import OURS, SYMLINK, Filters, of_mode

FILTERS = Filters(InboxSettings())


@pytest.mark.parametrize("name", [b"beach.jpg", b"b\xff.jpg", b".hidden.jpg", b"-rf", b"notes.md", b"a.tmp.jpg"])
def test_ordinary_names_are_taken(name: bytes) -> None:
    assert FILTERS.of_file(name) is None


@pytest.mark.parametrize(
    "name", [b".DS_Store", b"._beach.jpg", b"film.mp4.part", b"x.CRDOWNLOAD", b"~syncthing~a.jpg", b"a.jpg.icloud"]
)
def test_unfinished_and_system_names_are_turned_away_with_the_glob(name: bytes) -> None:
    turned = FILTERS.of_file(name)
    assert turned is not None
    assert turned.code == "ignored-name"
    assert "inbox.ignore" in turned.reason


@pytest.mark.parametrize("name", [b"beach.jpg.smolwatch.json", b"beach.jpg.md", b".sw-1a2b.tmp"])
def test_our_own_files_are_known_as_ours(name: bytes) -> None:
    turned = FILTERS.of_file(name)
    assert turned is not None
    assert turned.code == OURS


def test_a_path_is_judged_by_its_folders_too() -> None:
    assert FILTERS.of_path(b"/in", b"/in/holiday/beach.jpg") is None
    turned = FILTERS.of_path(b"/in", b"/in/Photos.photoslibrary/originals/beach.jpg")
    assert turned is not None
    assert turned.code == "ignored-folder"


def test_the_inbox_own_place_is_not_judged() -> None:
    assert FILTERS.of_path(b"/home/me/.git/inbox", b"/home/me/.git/inbox/beach.jpg") is None


def test_links_and_pipes_are_turned_away_files_and_folders_are_not(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()
    assert of_mode(os.lstat(tmp_path / "link").st_mode) is SYMLINK
    pipe = of_mode(os.lstat(tmp_path / "pipe").st_mode)
    assert pipe is not None
    assert pipe.code == "not-regular"
    assert of_mode(os.lstat(tmp_path / "file").st_mode) is None
    assert of_mode(stat.S_IFDIR) is None
