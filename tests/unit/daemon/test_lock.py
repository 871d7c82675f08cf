from __future__ import annotations

import os
from pathlib import Path

import pytest

from config.errors import AlreadyRunningError
from daemon.lock import HomeLock, holder, holding_run, noted


def test_a_lock_that_was_never_taken_has_no_holder(tmp_path: Path) -> None:
    assert holder(tmp_path / "data" / "smolwatch.lock") is None


def test_a_second_holder_is_refused_with_the_pid_of_the_first(tmp_path: Path) -> None:
    file = tmp_path / "data" / "smolwatch.lock"
    with HomeLock(file):
        with pytest.raises(AlreadyRunningError, match=str(os.getpid())), HomeLock(file):
            pass
        assert holder(file) == os.getpid()


def test_a_lock_is_free_again_after_its_holder_ended(tmp_path: Path) -> None:
    file = tmp_path / "smolwatch.lock"
    with HomeLock(file):
        pass
    assert holder(file) is None
    with HomeLock(file):
        assert holder(file) == os.getpid()


def test_reading_the_holder_does_not_keep_a_daemon_from_starting(tmp_path: Path) -> None:
    file = tmp_path / "smolwatch.lock"
    file.touch()
    for _ in range(20):
        assert holder(file) is None
        with HomeLock(file):
            pass


def test_a_note_lasts_until_it_is_cleared_or_the_next_holder_starts(tmp_path: Path) -> None:
    file = tmp_path / "smolwatch.lock"
    assert noted(file) == ""
    with HomeLock(file) as lock:
        assert noted(file) == ""
        lock.note("Disk full: 1 MB are free in \udcff.")
        lock.note("Held by another program.")
        assert (holder(file), noted(file)) == (os.getpid(), "Held by another program.")
        lock.note("")
        assert noted(file) == ""
        lock.note("Left behind.")
    with HomeLock(file):
        assert noted(file) == ""


def test_only_the_owner_can_read_the_lock(tmp_path: Path) -> None:
    file = tmp_path / "smolwatch.lock"
    with HomeLock(file):
        assert file.stat().st_mode & 0o777 == 0o600


def test_every_holder_has_a_run_of_its_own_that_others_read_while_it_holds(tmp_path: Path) -> None:
    file = tmp_path / "smolwatch.lock"
    assert holding_run(file) is None
    with HomeLock(file) as first:
        first.note("Disk full.")
        assert (holding_run(file), noted(file)) == (first.run, "Disk full.")
    assert holding_run(file) is None
    with HomeLock(file) as second:
        assert holding_run(file) == second.run != first.run


def test_a_holder_of_an_older_version_has_no_run(tmp_path: Path) -> None:
    file = tmp_path / "smolwatch.lock"
    with HomeLock(file):
        file.write_text("123         \nDisk full: 1 MB are free, and more would be needed.")
        assert (holder(file), holding_run(file)) == (123, "")
