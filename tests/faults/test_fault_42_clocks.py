"""Fault 42: the clock is set a day off, or the machine sleeps. Fake: a clock to set; the sleep is real (SIGSTOP).

A worker that lives keeps its job, one that died loses it in time, and nothing waits for a day.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from daemon.supervision.lease_monitor import LeaseMonitor
from storage.db.database import Database, open_database
from storage.jobs.store import JobStore
from storage.lifecycle import Cause, JobState
from storage.records import Claim
from tests.fakes.clock import FakeClock
from tests.support.files import MODEL, SPEC, new_file
from tests.support.processes import DaemonHome
from tests.support.running_jobs import hold_a_job
from tests.support.waiting import wait_for

LEASE, BEAT = 60.0, 10
HOUR = 3600
JUMPS = [timedelta(days=1), timedelta(days=-1), timedelta(hours=8), timedelta(minutes=30), timedelta(minutes=-30)]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = open_database(tmp_path / "smolwatch.db")
    yield database
    database.close()


class Watch:
    """A daemon's and a worker's day, second by second, on one clock."""

    def __init__(self, database: Database, clock: FakeClock) -> None:
        self.clock = clock
        self.store = JobStore(database, clock.now)
        self.leases = LeaseMonitor(LEASE, clock)
        self.store.admit(new_file(), spec=SPEC, model=MODEL, max_attempts=3)
        self.claim = self.claimed()
        self.alive = True

    def claimed(self) -> Claim:
        claim = self.store.claim("w", lease_seconds=LEASE)
        assert claim
        return claim

    def second(self, number: int) -> list[int]:
        self.clock.advance(1)
        if self.alive and number % BEAT == 0:
            assert self.store.beat(self.claim, lease_seconds=LEASE), "a worker that lives lost its job"
        return self.store.reap() if self.leases.is_due() else []

    def seconds_until_reaped(self, limit: int) -> int:
        for number in range(limit):
            if self.second(number):
                return number
        raise AssertionError(f"the job of a dead worker was held for more than {limit} s")


@pytest.mark.parametrize("jump", JUMPS)
@pytest.mark.parametrize("before", [1, 7, 14])
def test_a_worker_that_lives_keeps_its_job(database: Database, clock: FakeClock, jump: timedelta, before: int) -> None:
    watch = Watch(database, clock)
    for number in range(1, before + 1):
        watch.second(number)
    clock.set_wall(clock.now() + jump)
    for number in range(before + 1, 200):
        assert watch.second(number) == []


@pytest.mark.parametrize("jump", JUMPS)
def test_a_worker_that_died_loses_its_job_within_the_hour_however_the_clock_was_set(
    database: Database, clock: FakeClock, jump: timedelta
) -> None:
    watch = Watch(database, clock)
    watch.alive = False
    clock.set_wall(clock.now() + jump)
    set_back_a_little = timedelta(hours=-1) < jump < timedelta(0)  # then the lease still seems to be a lease
    assert watch.seconds_until_reaped(HOUR) < (HOUR if set_back_a_little else 2 * LEASE)


@pytest.mark.parametrize("jump", JUMPS)
def test_a_job_that_waits_for_its_time_waits_an_hour_at_most(
    database: Database, clock: FakeClock, jump: timedelta
) -> None:
    watch = Watch(database, clock)
    later = clock.now() + timedelta(minutes=10)
    watch.store.retry_later(watch.claim, code="busy", reason="Not now.", cause=Cause.TRANSIENT, not_before=later)
    clock.set_wall(clock.now() + jump)
    clock.advance(HOUR)
    watch.claimed()


def test_a_daemon_that_sleeps_longer_than_a_lease_goes_on_where_it_was(tmp_path: Path) -> None:
    home = DaemonHome(tmp_path / "home", {"SMOLWATCH_WORK__LEASE_SECONDS": "2.5"})
    try:
        daemon, worker, decoder = hold_a_job(home)
        main = psutil.Process(daemon.pid)
        main.suspend()
        worker.suspend()
        with home.reading() as library:
            asleep = library.jobs(state=JobState.RUNNING)[0]
        wait_for(lambda: leased_before_now(home, asleep.id), 10)
        main.resume()
        time.sleep(0.8)  # it looks around several times before its worker is quite awake
        worker.resume()
        wait_for(lambda: not leased_before_now(home, asleep.id), 10)
        decoder.resume()
        wait_for(lambda: home.states()["held.png"] is JobState.DONE, 20)
        assert home.worker(daemon).pid == worker.pid
        assert home.jobs()["held.png"].attempts == 1
    finally:
        home.close()


def leased_before_now(home: DaemonHome, job_id: int) -> bool:
    """Whether the lease ran out a while ago."""
    with closing(sqlite3.connect(home.settings.database_file)) as connection:
        row: tuple[float] = connection.execute("SELECT lease_until FROM jobs WHERE id = ?", (job_id,)).fetchone()
    return time.time() > row[0] + 1.0
