"""Fault 14: the inbox is deleted, unmounted, or its disk fails. Real; the failing disk is a fake: Linux fails none."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from storage.lifecycle import JobState
from tests.support.intake_home import PNG, IntakeHome
from tests.support.media.media_files import save_image, some_image
from tests.support.processes import DaemonHome
from tests.support.waiting import wait_for

MISSING = "inbox missing"


def test_a_deleted_inbox_is_reported_and_watched_again_when_it_is_back(intake_home: IntakeHome) -> None:
    inbox = intake_home.inbox
    (inbox / "x.png").write_bytes(PNG)
    intake = intake_home.start_and_settle()
    shutil.rmtree(inbox)
    wait_for(lambda: intake.status.problem == MISSING)
    assert [job.state for job in intake_home.jobs()] == [JobState.QUEUED]
    inbox.mkdir()
    (inbox / "y.png").write_bytes(PNG + b"2")
    wait_for(lambda: intake_home.queued() == {"x.png", "y.png"})
    wait_for(lambda: intake.status.problem == "")


class FailingDisk:
    """`os.scandir`, until the disk fails in the midst of a listing."""

    def __init__(self) -> None:
        self.error: int | None = None

    def __call__(self, path: bytes) -> AbstractContextManager[Iterator[os.DirEntry[bytes]]]:
        return Failing(os.scandir(path), self.error) if self.error else os.scandir(path)


class Failing(AbstractContextManager[Iterator[os.DirEntry[bytes]]]):
    def __init__(self, entries: Iterator[os.DirEntry[bytes]], error: int) -> None:
        self._entries = entries
        self._error = error

    def __enter__(self) -> Iterator[os.DirEntry[bytes]]:
        yield next(self._entries)
        raise OSError(self._error, os.strerror(self._error))

    def __exit__(self, *error: object) -> None:
        self._entries.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("error", [errno.EIO, errno.ESTALE])
def test_a_disk_that_fails_is_a_missing_inbox_and_nothing_is_given_up(intake_home: IntakeHome, error: int) -> None:
    for number in range(3):
        (intake_home.inbox / f"{number}.png").write_bytes(PNG + b"%d" % number)
    disk = FailingDisk()
    intake = intake_home.run(intake_home.make(scan=disk))
    wait_for(lambda: len(intake_home.queued()) == 3)
    disk.error = error
    intake_home.sweep_now()
    wait_for(lambda: intake.status.problem == MISSING)
    assert [job.state for job in intake_home.jobs()] == [JobState.QUEUED] * 3
    (intake_home.inbox / "late.png").write_bytes(PNG + b"late")
    disk.error = None
    wait_for(lambda: "late.png" in intake_home.queued())
    wait_for(lambda: intake.status.problem == "")


def mount(*arguments: object) -> None:
    subprocess.run(["mount", *map(str, arguments)], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, which can be mounted again where it was unmounted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    try:
        mount("-t", "tmpfs", "-o", "size=8m", "smolwatch-test", disk)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this process may not mount")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="mounts as on Linux, which needs root")
def test_jobs_of_an_unmounted_inbox_wait_for_it(tmp_path: Path, disk: Path) -> None:
    folder = tmp_path / "home"
    home, intake_home = DaemonHome(folder), IntakeHome(folder)
    inbox = home.inbox
    mount("--bind", disk, inbox)
    try:
        for number in range(3):
            save_image(inbox / f"{number}.png", some_image(number))
        intake = intake_home.start_and_settle()
        subprocess.run(["umount", inbox], check=True)
        wait_for(lambda: intake.status.problem == MISSING)
        intake_home.stop()
        process = home.start_and_wait()
        # Files are claimed a few ahead: what the first one finds out, those claimed with it wait for too.
        wait_for(lambda: times_missed(home) and set(home.states().values()) == {JobState.QUEUED})
        assert {job.attempts for job in home.jobs().values()} == {0}
        assert times_missed(home) <= len(home.jobs()), "no job is claimed again while the inbox is missing"
        mount("--bind", disk, inbox)
        wait_for(lambda: set(home.states().values()) == {JobState.DONE}, 30)
        assert process.poll() is None
    finally:
        intake_home.close()
        home.close()
        subprocess.run(["umount", "-l", inbox], check=False, stderr=subprocess.DEVNULL)


def times_missed(home: DaemonHome) -> int:
    """How often a job was given back because the inbox was missing."""
    return sum("missing" in note for job in home.jobs().values() for note in home.notes(job))
