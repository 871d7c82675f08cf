"""Fault 39: the database's disk is full. Real: SQLite's own limit of pages, and as root a small disk.

Nothing new is begun, descriptions are kept and written when there is room, status says "Disk full", and the
database stays sound.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from daemon.clock import SystemClock
from daemon.worker.retrying_transactions import RetryingTransactions
from storage.db.database import Database, open_database
from storage.errors import DiskFullError
from storage.health import problems
from storage.jobs.store import JobStore
from storage.library import Library
from storage.lifecycle import JobState
from tests.support.checkout import ROOT
from tests.support.disks import fill, small_disk
from tests.support.files import MODEL, SPEC, description_of, new_file
from tests.support.processes import DaemonHome
from tests.support.running_jobs import draw
from tests.support.waiting import wait_for

DISK = 8_000_000


def limit(database: Database, pages: int | None = None) -> None:
    """No more pages than there are, or `pages`. For the one connection that a test with one thread has."""
    with database.read() as connection:
        pages = pages or connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")


def until_full(act: Callable[[int], object]) -> None:
    for number in range(1000):
        try:
            act(number)
        except DiskFullError as error:
            assert str(error).startswith("Disk full: ")
            return
    pytest.fail("it never got full")


def test_a_description_is_kept_until_there_is_space_and_the_database_is_intact(tmp_path: Path) -> None:
    with closing(open_database(tmp_path / "smolwatch.db")) as database:
        waits: list[float] = []

        def sleep(seconds: float) -> None:
            waits.append(seconds)
            assert problems(database) == []
            if len(waits) == 3:
                limit(database, 10_000)

        intake = JobStore(database, SystemClock().now)
        store = JobStore(database, SystemClock().now, RetryingTransactions(sleep))
        file = new_file()
        intake.admit(file, spec=SPEC, model=MODEL, max_attempts=3)
        claim = store.claim("w", lease_seconds=60)
        assert claim
        limit(database)
        until_full(
            lambda number: intake.admit(
                new_file(b"/inbox/%0400d" % number, b"%d" % number), spec=SPEC, model=MODEL, max_attempts=3
            )
        )
        admitted = len(Library(database).jobs(limit=10_000))
        description = description_of(file, answers={"caption": "A beach. " * 2000})
        store.publish(claim, description)
        assert len(waits) == 3
        assert Library(database).description(claim.job.id) == description
        assert len(Library(database).jobs(limit=10_000)) == admitted, "what was accepted stays"
        assert problems(database) == []


@pytest.mark.parametrize("keep_free", [0, 2_000_000])
def test_the_daemon_pauses_says_so_in_status_and_goes_on_when_there_is_room(tmp_path: Path, keep_free: int) -> None:
    home = DaemonHome(tmp_path / "home", {"SMOLWATCH_WORK__KEEP_FREE_BYTES": str(keep_free)})
    with small_disk(home.settings.database_file.parent, DISK) as disk:
        try:
            daemon = home.start_and_wait()
            draw(home.inbox / "before.png")
            wait_for(lambda: home.states() == {"before.png": JobState.DONE}, 30)
            ballast = fill(disk)
            draw(home.inbox / "meanwhile.png", "blue")
            wait_for(lambda: "Disk full: " in status(home), 30)
            assert "meanwhile.png" not in home.states()
            ballast.unlink()
            wait_for(lambda: home.states().get("meanwhile.png") is JobState.DONE, 30)
            wait_for(lambda: "Disk full: " not in status(home), 20)
            assert daemon.poll() is None
            assert home.jobs()["meanwhile.png"].attempts == 1
            with closing(open_database(home.settings.database_file, read_only=True)) as database:
                assert problems(database) == []
        finally:
            home.close()


def status(home: DaemonHome) -> str:
    command = [sys.executable, "-m", "cli.main", "status"]
    return subprocess.run(command, cwd=ROOT, env=home.environ, capture_output=True, text=True, check=True).stdout
