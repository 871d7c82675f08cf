"""Fault 33: a worker sleeps longer than its lease, and wakes when its job is another's. Real.

What it then says of the job changes nothing and is logged. The daemon does not even let it wake.
"""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path

import psutil
import pytest

from config.recipes import load_recipes
from daemon.clock import SystemClock
from daemon.daemon_run import DaemonRun
from daemon.intake.identity import identify
from daemon.messages import Order, encode
from daemon.supervision.supervisor import begin_work
from storage.db.database import open_database
from storage.jobs.store import JobStore
from storage.library import Library
from storage.lifecycle import JobState
from storage.records import Fingerprint
from tests.support.files import MODEL, SPEC, description_of
from tests.support.processes import DaemonHome, workers
from tests.support.running_jobs import draw, hold_a_job
from tests.support.waiting import wait_for

LEASE = 1.5


@pytest.fixture
def hasty(tmp_path: Path) -> Iterator[DaemonHome]:
    home = DaemonHome(tmp_path / "hasty", {"SMOLWATCH_WORK__LEASE_SECONDS": str(LEASE)})
    yield home
    home.close()


def admit(store: JobStore, file: Path) -> int:
    path = os.fsencode(file)
    found = identify(path, Fingerprint.of(os.lstat(path)), max_bytes=10**6)
    return store.admit(found, spec=SPEC, model=MODEL, max_attempts=3)[1]


@pytest.fixture
def worker(hasty: DaemonHome) -> Iterator[tuple[SpawnProcess, Connection]]:
    """A worker without a daemon that would not let it sleep, and the line to it."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    daemon_run = DaemonRun(id="run", launched_by="terminal")
    process = context.Process(target=begin_work, args=(load_recipes(), hasty.settings, theirs, daemon_run, None))
    process.start()
    theirs.close()
    yield process, ours
    process.kill()
    process.join()
    ours.close()


def suspend_between_writes(process: psutil.Process, file: Path) -> None:
    """Put it to sleep where it does not hold the database: that is another test."""
    with closing(sqlite3.connect(file, timeout=0.05, isolation_level=None)) as connection:
        while True:
            process.suspend()
            try:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("ROLLBACK")
                return
            except sqlite3.OperationalError:
                process.resume()


def test_a_worker_that_wakes_after_its_lease_changes_nothing_and_says_so(
    hasty: DaemonHome, worker: tuple[SpawnProcess, Connection]
) -> None:
    process, line = worker
    with closing(open_database(hasty.settings.database_file)) as database:
        store, library = JobStore(database, SystemClock().now), Library(database)
        first = admit(store, draw(hasty.inbox / "first.png"))
        wait_for(lambda: library.job(first).state is JobState.DONE, 30)
        sleeper, decoder = psutil.Process(process.pid), workers(process.pid or 0)[0]
        decoder.suspend()
        held = admit(store, draw(hasty.inbox / "held.png", "blue"))
        wait_for(lambda: library.job(held).state is JobState.RUNNING)
        suspend_between_writes(sleeper, Path(database.name))
        assert wait_for(store.reap) == [held]
        claim = store.claim("another", lease_seconds=60)
        assert claim and claim.job.id == held
        decoder.resume()
        sleeper.resume()
        log = hasty.settings.log_folder / "smolwatch.log"
        wait_for(lambda: f"Job {held} is no longer" in log.read_text())
        job = library.job(held)
        assert (job.state, job.attempts) == (JobState.RUNNING, 2), "it is the other's still"
        description = description_of(identify(job.path, job.fingerprint, max_bytes=10**6))
        store.publish(claim, description)
        store.finish(claim)
        line.send_bytes(encode(Order.STOP))
        process.join(10)
        assert process.exitcode == 0
        assert library.description(held) == description
        assert [event.after for event in library.events(held)].count(JobState.PUBLISHING) == 1
    assert not (hasty.inbox / "held.png.smolwatch.json").exists(), "the stale worker wrote nothing"


def test_the_daemon_replaces_a_worker_that_sleeps_and_its_job_is_done_once(hasty: DaemonHome) -> None:
    daemon, worker, _ = hold_a_job(hasty)
    suspend_between_writes(worker, hasty.settings.database_file)
    wait_for(lambda: hasty.states()["held.png"] is JobState.DONE, 40)
    assert hasty.worker(daemon).pid != worker.pid
    held = hasty.jobs()["held.png"]
    assert held.attempts == 2
    notes = hasty.notes(held)
    assert "The worker stopped responding." in notes
    assert notes.count("Described.") == 1


@pytest.mark.slow
def test_a_worker_that_is_suspended_in_a_transaction_is_ended(hasty: DaemonHome) -> None:
    daemon, worker, _ = hold_a_job(hasty)
    with closing(sqlite3.connect(hasty.settings.database_file, isolation_level=None)) as its_own_write:
        its_own_write.execute("BEGIN IMMEDIATE")
        worker.suspend()
        wait_for(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE, 40)
        its_own_write.execute("ROLLBACK")
    wait_for(lambda: hasty.states()["held.png"] is JobState.DONE, 40)
    assert hasty.worker(daemon).pid != worker.pid
    assert hasty.notes(hasty.jobs()["held.png"]).count("Described.") == 1
