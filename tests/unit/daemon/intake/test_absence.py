from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from config.inboxes import InboxSettings
from daemon.intake.absence import gone_paths
from daemon.intake.filters import Filters


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    for name in ("there.jpg", "trip/there.jpg"):
        file = tmp_path / "inbox" / name
        file.parent.mkdir(exist_ok=True, parents=True)
        file.touch()
    return tmp_path / "inbox"


def known_devices(paths: list[bytes]) -> dict[bytes, int]:
    return dict.fromkeys(paths, 1)


def gone_of(inbox: Path, *names: str, device: int | None = None, ignore: tuple[str, ...] = ()) -> list[str]:
    """Which of these names are gone; all lay on the inbox's own device unless set otherwise."""

    def devices(paths: list[bytes]) -> Mapping[bytes, int]:
        return dict.fromkeys(paths, inbox.parent.stat().st_dev if device is None else device)

    root = os.fsencode(inbox)
    filters = Filters(InboxSettings(ignore=ignore, ignore_folders=ignore))
    lost = gone_paths([root + b"/" + os.fsencode(name) for name in names], root, filters, devices)
    return [os.fsdecode(path.removeprefix(root + b"/")) for path in lost]


def test_what_is_not_there_is_gone_and_what_is_there_is_not(inbox: Path) -> None:
    assert gone_of(inbox, "there.jpg", "a.jpg", "trip/there.jpg", "trip/b.jpg", "no folder/c.jpg") == [
        "a.jpg",
        "trip/b.jpg",
        "no folder/c.jpg",
    ]


def test_a_folder_where_a_file_stands_now_has_lost_its_files(inbox: Path) -> None:
    assert gone_of(inbox, "there.jpg/a.jpg") == ["there.jpg/a.jpg"]


def test_a_path_that_a_rule_rejects_now_is_not_gone(inbox: Path) -> None:
    assert gone_of(inbox, "a.jpg", "trip/b.jpg", "x.bak", ignore=("*.bak", "trip")) == ["a.jpg"]


def test_an_inaccessible_path_is_not_gone(inbox: Path) -> None:
    def refuses(path: bytes) -> os.stat_result:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    assert (
        gone_paths([os.fsencode(inbox / "a.jpg")], os.fsencode(inbox), Filters(InboxSettings()), known_devices, refuses)
        == []
    )


def test_while_the_inbox_is_missing_no_file_is_gone(inbox: Path) -> None:
    shutil.rmtree(inbox)
    assert gone_of(inbox, "a.jpg", "trip/b.jpg") == []


def test_an_empty_folder_where_another_disk_was_mounted_has_not_lost_its_files(inbox: Path) -> None:
    other = inbox.stat().st_dev + 1
    (inbox / "card").mkdir()
    assert gone_of(inbox, "card/a.jpg", "card/DCIM/b.jpg", device=other) == []
    assert gone_of(inbox, "card/a.jpg") == ["card/a.jpg"], "it lay here, and somebody emptied the folder"
    assert gone_of(inbox, "trip/b.jpg", device=other) == ["trip/b.jpg"], "numbers of disks change with a restart"


def test_an_inbox_that_was_emptied_has_lost_its_files(inbox: Path) -> None:
    shutil.rmtree(inbox)
    inbox.mkdir()
    assert gone_of(inbox, "a.jpg", "trip/b.jpg") == ["a.jpg", "trip/b.jpg"]
    assert gone_of(inbox, "a.jpg", device=inbox.stat().st_dev + 1) == []


def test_files_of_another_inbox_are_none_of_this_ones(inbox: Path, tmp_path: Path) -> None:
    outside = [os.fsencode(tmp_path / "old inbox" / "a.jpg"), os.fsencode(inbox) + b" 2/a.jpg"]
    assert gone_paths(outside, os.fsencode(inbox), Filters(InboxSettings()), known_devices) == []
