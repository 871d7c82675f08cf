"""Fault 13: a restart of the system gives disks other numbers: macOS numbers its volumes anew, Linux btrfs and shares.

No file is another one for that. The files here stay, and what is stored of their disks is shifted. Real.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from daemon.errors import GoneError
from daemon.intake.inbox_mount import InboxMount
from daemon.media.safe_open import DATALESS
from storage.lifecycle import JobState
from storage.status.inbox_values import InboxDisk
from tests.fakes.stats import on_mac
from tests.support.intake_home import PNG, IntakeHome
from tests.support.waiting import wait_for
from tests.support.worker_bench import Bench

#: How far all stored numbers are off afterwards.
SHIFT = 1000


def restart_the_system(home: IntakeHome) -> None:
    """The intake is stopped, and every number of a disk that is stored is none of today's."""
    home.stop()
    with closing(sqlite3.connect(home.settings.database_file)) as books, books:
        rows = books.execute("SELECT id, fingerprint FROM jobs").fetchall()
        shifted = [(f"{int(text.split(':')[0]) + SHIFT}:{text.split(':', 1)[1]}", id) for id, text in rows]
        books.executemany("UPDATE jobs SET fingerprint = ? WHERE id = ?", shifted)
    disk = home.board.inbox_disk()
    assert disk is not None
    assert disk.device is not None
    home.board.post(InboxDisk(device=disk.device + SHIFT, inode=disk.inode))
    home.opened.clear()


@pytest.fixture
def described(intake_home: IntakeHome) -> IntakeHome:
    """Three described files, one of them in a folder, and a fourth that waits."""
    (intake_home.inbox / "trip").mkdir()
    for name in ("a.png", "b.png", "trip/c.png"):
        (intake_home.inbox / name).write_bytes(PNG + name.encode())
    intake_home.start_and_settle()
    intake_home.finish_all()
    (intake_home.inbox / "waits.png").write_bytes(PNG + b"waits")
    wait_for(lambda: "waits.png" in intake_home.queued())
    return intake_home


def test_no_file_is_read_again(described: IntakeHome) -> None:
    restart_the_system(described)
    intake = described.start_and_settle()
    assert intake.status.seen == 4
    assert (described.opened, len(described.jobs())) == ([], 4)


def test_the_jobs_have_the_disks_new_number(described: IntakeHome) -> None:
    """Also those of another disk, about which nothing is noted: one sight of the file does it."""
    restart_the_system(described)
    described.board.post(InboxDisk(device=1, inode=1))
    described.start_and_settle()
    there = described.inbox.stat().st_dev
    assert {job.fingerprint.device for job in described.jobs()} == {there}


def test_a_move_over_the_restart_is_followed(described: IntakeHome) -> None:
    before = {job.name: job.id for job in described.jobs()}
    restart_the_system(described)
    (described.inbox / "a.png").rename(described.inbox / "trip" / "moved.png")
    described.start_and_settle()
    assert {job.name: job.id for job in described.jobs()} == {
        "moved.png": before["a.png"],
        **{name: before[name] for name in ("b.png", "c.png", "waits.png")},
    }


def test_a_described_file_whose_bytes_went_to_the_cloud_is_still_known(described: IntakeHome) -> None:
    restart_the_system(described)
    described.lstat = lambda path: on_mac(os.lstat(path), st_flags=DATALESS)
    described.start_and_settle()
    assert (described.refused("a.png"), described.opened) == ("", [])


def test_a_folder_that_was_emptied_over_the_restart_has_lost_its_files(described: IntakeHome) -> None:
    restart_the_system(described)
    (described.inbox / "trip" / "c.png").unlink()
    described.start_and_settle()
    assert [job.name for job in described.jobs() if job.missing_since is not None] == ["c.png"]


def test_an_inbox_that_was_emptied_over_the_restart_is_not_away(described: IntakeHome) -> None:
    restart_the_system(described)
    shutil.rmtree(described.inbox / "trip")
    for file in described.inbox.iterdir():
        file.unlink()
    described.start_and_settle()
    assert sum(job.missing_since is not None for job in described.jobs()) == 3
    inbox = InboxMount(described.root)
    assert [inbox.misses(job.fingerprint.device) for job in described.jobs()] == [False] * 4


def test_an_empty_folder_where_another_disk_was_mounted_has_still_not_lost_its_files(described: IntakeHome) -> None:
    """Its number of before may be that of any disk today, even of the one that the inbox lies on."""
    restart_the_system(described)
    (described.inbox / "trip" / "c.png").unlink()
    with closing(sqlite3.connect(described.settings.database_file)) as books, books:
        lay_on = "UPDATE jobs SET fingerprint = ? || substr(fingerprint, instr(fingerprint, ':'))"
        its_job = "WHERE path_id = (SELECT id FROM paths WHERE path = ?)"
        there = (str(described.inbox.stat().st_dev), described.root + b"/trip/c.png")
        assert books.execute(f"{lay_on} {its_job}", there).rowcount == 1
    described.start_and_settle()
    assert [job.name for job in described.jobs() if job.missing_since is not None] == []


def test_a_waiting_file_is_described_whatever_number_its_disk_has(bench: Bench) -> None:
    job = bench.queue()
    with closing(sqlite3.connect(bench.settings.database_file)) as books, books:
        books.execute("UPDATE jobs SET fingerprint = '4711' || substr(fingerprint, instr(fingerprint, ':'))")
    bench.run_rounds(3)
    assert bench.state(job) is JobState.DONE
    assert GoneError not in [type(error) for error in bench.opener.failures.values()]


def test_another_folder_in_the_place_of_the_inbox_changes_no_disk_number(described: IntakeHome, tmp_path: Path) -> None:
    restart_the_system(described)
    described.inbox.rename(tmp_path / "elsewhere")
    shutil.copytree(tmp_path / "elsewhere", described.inbox)
    before = {job.id: job.fingerprint.device for job in described.jobs()}
    described.make()
    assert {job.id: job.fingerprint.device for job in described.jobs()} == before
