"""Fault 38: another program holds the database for longer than we wait for it. Real.

Everything is tried again and goes on by itself; meanwhile status says why it stands still.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from daemon.clock import SystemClock
from daemon.worker.retrying_transactions import RetryingTransactions
from storage.db.database import Database, open_database
from storage.jobs.store import JobStore
from storage.library import Library
from storage.lifecycle import JobState
from tests.support.checkout import ROOT
from tests.support.files import MODEL, SPEC, description_of, new_file
from tests.support.processes import DaemonHome
from tests.support.running_jobs import draw
from tests.support.waiting import wait_for


@contextmanager
def held(file: Path) -> Iterator[None]:
    with closing(sqlite3.connect(file, isolation_level=None)) as rival:
        rival.execute("BEGIN IMMEDIATE")
        yield
        rival.execute("ROLLBACK")


@pytest.fixture
def impatient(tmp_path: Path) -> Iterator[Database]:
    """It waits a tenth of a second for the lock, not ten."""
    database = open_database(tmp_path / "smolwatch.db", busy_seconds=0.1)
    yield database
    database.close()


def test_a_description_is_kept_until_the_lock_is_free(impatient: Database) -> None:
    waiting, freed = threading.Event(), threading.Event()

    def sleep(_: float) -> None:
        waiting.set()
        freed.wait(10)

    store = JobStore(impatient, SystemClock().now, RetryingTransactions(sleep))
    store.admit(new_file(), spec=SPEC, model=MODEL, max_attempts=3)
    claim = store.claim("w", lease_seconds=60)
    assert claim
    publishing = threading.Thread(target=store.publish, args=(claim, description_of(new_file())))
    with held(Path(impatient.name)):
        publishing.start()
        assert waiting.wait(10)
        assert Library(impatient).job(claim.job.id).state is JobState.RUNNING
    freed.set()
    publishing.join(10)
    assert Library(impatient).description(claim.job.id) == description_of(new_file())


@pytest.mark.slow
def test_the_daemon_waits_says_so_in_status_and_goes_on(home: DaemonHome) -> None:
    home.start_and_wait()
    draw(home.inbox / "before.png")
    wait_for(lambda: home.states() == {"before.png": JobState.DONE}, 30)
    with held(home.settings.database_file):
        draw(home.inbox / "meanwhile.png", "blue")
        wait_for(lambda: "held by another program" in status(home), 30)
    wait_for(lambda: home.states().get("meanwhile.png") is JobState.DONE, 30)
    wait_for(lambda: "held by another program" not in status(home), 20)
    assert home.jobs()["meanwhile.png"].attempts == 1


def status(home: DaemonHome) -> str:
    command = [sys.executable, "-m", "cli.main", "status"]
    return subprocess.run(command, cwd=ROOT, env=home.environ, capture_output=True, text=True, check=True).stdout
