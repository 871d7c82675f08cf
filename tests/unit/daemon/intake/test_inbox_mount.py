from __future__ import annotations

import os
from pathlib import Path

import pytest

from daemon.intake.inbox_mount import InboxMount, is_away, root_id


def test_the_folder_that_lay_on_this_disk_is_there_even_when_empty(tmp_path: Path) -> None:
    device, inode = root_id(os.fsencode(tmp_path))
    assert inode == tmp_path.stat().st_ino
    assert not is_away(os.fsencode(tmp_path), device)


def test_an_empty_folder_in_the_place_of_another_disk_is_no_inbox(tmp_path: Path) -> None:
    other = tmp_path.stat().st_dev + 1
    assert is_away(os.fsencode(tmp_path), other)
    (tmp_path / "something.jpg").touch()
    assert not is_away(os.fsencode(tmp_path), other)


def test_a_missing_inbox_is_away(tmp_path: Path) -> None:
    missing = os.fsencode(tmp_path / "inbox")
    assert is_away(missing, tmp_path.stat().st_dev)
    with pytest.raises(FileNotFoundError):
        root_id(missing)


def test_a_missed_inbox_is_missed_until_something_is_there(tmp_path: Path) -> None:
    inbox = InboxMount(os.fsencode(tmp_path))
    assert inbox.is_there()
    assert not inbox.misses(tmp_path.stat().st_dev)
    assert inbox.misses(tmp_path.stat().st_dev + 1)
    assert not inbox.is_there()
    (tmp_path / "something.jpg").touch()
    assert inbox.is_there()
