from __future__ import annotations

import os
from pathlib import Path

import pytest

from config.inboxes import InboxSettings
from daemon.intake.filters import Filters
from daemon.intake.sweep import Found, RejectedPath, sweep
from tests.support.disk_names import that_can_be_named

FILTERS = Filters(InboxSettings())


def names(root: Path, kind: type[Found] | type[RejectedPath]) -> set[bytes]:
    root_path = os.fsencode(root)
    return {os.path.relpath(one.path, root_path) for one in sweep(root_path, FILTERS) if isinstance(one, kind)}


def test_everything_below_is_found_and_links_are_not_followed(tmp_path: Path) -> None:
    inbox, outside = tmp_path / "inbox", tmp_path / "outside"
    for file in (inbox / "a.jpg", inbox / "one" / "two" / "three" / "b.jpg", outside / "secret.jpg"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    (inbox / "link.jpg").symlink_to(outside / "secret.jpg")
    (inbox / "folder").symlink_to(outside)
    (inbox / "loop").symlink_to(inbox)
    (inbox / "dangling.jpg").symlink_to(tmp_path / "nothing")
    assert names(inbox, Found) == {b"a.jpg", b"one/two/three/b.jpg"}
    assert names(inbox, RejectedPath) == {b"link.jpg", b"folder", b"loop", b"dangling.jpg"}


def test_ignored_folders_are_named_and_not_entered(tmp_path: Path) -> None:
    (tmp_path / "@eaDir").mkdir()
    (tmp_path / "@eaDir" / "thumb.jpg").touch()
    assert names(tmp_path, Found) == set()
    assert names(tmp_path, RejectedPath) == {b"@eaDir"}


def test_names_that_are_no_text_are_found_as_they_are(tmp_path: Path) -> None:
    odd = that_can_be_named(tmp_path, [b"bad\xff\n.jpg", b"bad\n.jpg"])
    for name in odd:
        with open(os.path.join(os.fsencode(tmp_path), name), "wb"):  # noqa: PTH123 - a path of bytes
            pass
    assert names(tmp_path, Found) == set(odd)


def test_a_missing_inbox_is_not_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(sweep(os.fsencode(tmp_path / "inbox"), FILTERS))
