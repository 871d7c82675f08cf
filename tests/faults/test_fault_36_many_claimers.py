"""Fault 36: several processes claim from one queue. Real, on SQLite and on PostgreSQL.

Every job is claimed once, and every process gets its share.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from storage.db.database import open_database
from storage.jobs.store import JobStore
from storage.library import Library
from storage.lifecycle import JobState
from tests.fakes.clock import FakeClock
from tests.support.checkout import ROOT
from tests.support.files import MODEL, SPEC, new_file
from tests.support.postgres import common_server

JOBS, PROCESSES = 400, 3
CLAIMER = """
import sys, time
from storage.db.database import open_database
from storage.jobs.store import JobStore
from tests.fakes.clock import FakeClock

database = open_database(sys.argv[1])
store = JobStore(database, FakeClock().now)
print("ready", flush=True)
sys.stdin.readline()
while claim := store.claim(sys.argv[2], lease_seconds=60):
    print(claim.job.id)
    time.sleep(0.02)  # its work; without any, one that never lets go may starve the others
database.close()
"""


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where a database is, or will be."""
    if request.param == "sqlite":
        yield str(tmp_path / "smolwatch.db")
        return
    with common_server().new_database() as address:
        yield address


def test_three_processes_claim_400_jobs_once_each_and_all_of_them_work(place: str) -> None:
    with closing(open_database(place)) as database:
        store = JobStore(database, FakeClock().now)
        for number in range(JOBS):
            store.admit(new_file(b"/inbox/%d.jpg" % number, b"%d" % number), spec=SPEC, model=MODEL, max_attempts=3)
        claimers = [claimer(place, f"w{number}") for number in range(PROCESSES)]
        for process in claimers:
            assert process.stdout is not None
            process.stdout.readline()
        claimed = [output.split() for output in go(claimers)]
        assert sorted(int(id) for ids in claimed for id in ids) == list(range(1, JOBS + 1))
        assert all(claimed), "every process got some"
        assert Library(database).counts()[JobState.RUNNING] == JOBS


def claimer(place: str, owner: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CLAIMER, place, owner],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def go(processes: list[subprocess.Popen[str]]) -> list[str]:
    """Start all of them at once; the output of each until its end."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    outputs = [process.communicate(timeout=50)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes)
    return outputs
