from __future__ import annotations

import errno
import fcntl
import os
import sys
from pathlib import Path

import pytest

from storage import atomic
from storage.atomic import compose_atomically
from storage.fsync import sync, sync_folders


@pytest.mark.parametrize(("operation", "plain_syncs"), [(fcntl.F_GETFD, 0), (12345, 1), (None, 1)])
def test_the_drives_own_sync_is_used_where_it_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, operation: int | None, plain_syncs: int
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    with (tmp_path / "x").open("wb") as file:
        sync(file.fileno(), operation)
    assert len(synced) == plain_syncs


class Drive:
    """Records the calls in order: "order", "flush" or "plain", each with the name of the file or folder.

    Stands in for the two calls that macOS alone has, and for fsync.
    """

    FLUSH, ORDER = 51, 85

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, has_none: bool = False) -> None:
        self.calls: list[tuple[str, str]] = []
        self._has_none = has_none
        monkeypatch.setattr(atomic, "BARRIER_SYNC", self.ORDER)
        monkeypatch.setattr(fcntl, "fcntl", self.fcntl)
        monkeypatch.setattr(os, "fsync", lambda descriptor: self.calls.append(("plain", self.name(descriptor))))

    def fcntl(self, descriptor: int, operation: int) -> int:
        if self._has_none:
            raise OSError(errno.ENOTSUP, "Operation not supported")
        self.calls.append(({self.FLUSH: "flush", self.ORDER: "order"}[operation], self.name(descriptor)))
        return 0

    @staticmethod
    def name(descriptor: int) -> str:
        name = Path(f"/proc/self/fd/{descriptor}").readlink().name
        return "temporary" if name.startswith(".sw-") else name


@pytest.mark.skipif(sys.platform != "linux", reason="looks the names up in /proc")
class TestTheDrive:
    def test_a_file_is_ordered_before_its_name_and_a_folder_is_flushed_once_for_all_that_it_got(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder, drive = tmp_path / "inbox", Drive(monkeypatch)
        folder.mkdir()
        unsynced: set[bytes] = set()
        for name in ("x.md", "x.json"):
            compose_atomically(folder / name, lambda _: b"ours", mode=0o600, unsynced=unsynced)
        assert drive.calls == [("order", "temporary")] * 2
        assert sync_folders(unsynced, drive.FLUSH) == {}
        assert drive.calls[2:] == [("plain", "inbox"), ("flush", "inbox")]

    def test_one_flush_serves_all_folders_of_a_drive(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        drive = Drive(monkeypatch)
        for name in ("a", "b", "c"):
            (tmp_path / name).mkdir()
        folders = [os.fsencode(tmp_path / name) for name in ("c", "a", "b")]
        assert sync_folders(folders, drive.FLUSH) == {}
        assert drive.calls == [("plain", "a"), ("plain", "b"), ("plain", "c"), ("flush", "c")]

    def test_where_a_file_system_has_neither_order_nor_flush_the_plain_sync_is_used(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        drive, unsynced = Drive(monkeypatch, has_none=True), set[bytes]()
        compose_atomically(tmp_path / "x.md", lambda _: b"ours", mode=0o600, unsynced=unsynced)
        assert sync_folders(unsynced, drive.FLUSH) == {}
        assert drive.calls == [("plain", "temporary"), ("plain", tmp_path.name), ("plain", tmp_path.name)]

    def test_a_flush_that_fails_fails_for_every_folder_of_its_drive(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        drive = Drive(monkeypatch)

        def broken(descriptor: int, operation: int) -> int:
            raise OSError(errno.EIO, "Input/output error")

        monkeypatch.setattr(fcntl, "fcntl", broken)
        (tmp_path / "a").mkdir()
        folders = [os.fsencode(tmp_path), os.fsencode(tmp_path / "a"), os.fsencode(tmp_path / "nowhere")]
        failed = sync_folders(folders, drive.FLUSH)
        assert {folder: error.errno for folder, error in failed.items()} == dict(
            zip(folders, (errno.EIO, errno.EIO, errno.ENOENT), strict=True)
        )
