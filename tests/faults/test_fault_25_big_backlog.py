"""Fault 25: a hundred thousand files are dropped at once. Real."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

import psutil
import pytest

from tests.support.checkout import ROOT
from tests.support.intake_home import PNG, IntakeHome
from tests.support.processes import DaemonHome
from tests.support.waiting import wait_for

FEW = 2_000
MANY = 100_000
FILES_A_FOLDER = 1_000

MOST_MEMORY = 200e6
FEWEST_A_SECOND = 1_000
SLOWEST_STATUS = 0.5


def test_a_backlog_is_queued_once_in_a_few_transactions(intake_home: IntakeHome) -> None:
    for number in range(FEW):
        (intake_home.inbox / f"{number}.png").write_bytes(PNG + b"%d" % number)
    intake_home.start_and_settle()
    jobs = intake_home.jobs()
    assert len(jobs) == len(intake_home.queued()) == FEW
    assert len({job.queued_at for job in jobs}) < FEW / 20  # one time for each transaction


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_hundred_thousand_files_dropped_at_once_are_queued_within_bounds(
    home: DaemonHome, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are moved in as one folder while the daemon describes; the figures are printed."""
    make_files(tmp_path / "drop", MANY)
    daemon = home.start_and_wait()
    backlog = Backlog(home, psutil.Process(daemon.pid))
    (tmp_path / "drop").rename(home.inbox / "drop")
    wait_for(backlog.is_queued, 600, every=0.5)
    figures = backlog.figures()
    with capsys.disabled():
        print("\n", json.dumps(figures))
    with home.reading() as library:
        paths = [job.path for job in library.jobs(limit=MANY + 1)]
    assert len(paths) == len(set(paths)) == MANY
    assert figures["daemon_memory_bytes"] < MOST_MEMORY
    assert figures["files_a_second"] > FEWEST_A_SECOND
    assert figures["status_seconds"] < SLOWEST_STATUS, "on a machine with nothing else to do"
    assert daemon.poll() is None


def make_files(folder: Path, count: int) -> None:
    """Real pictures of one pixel, each of another colour."""
    for number in range(count):
        if number % FILES_A_FOLDER == 0:
            below = folder / str(number // FILES_A_FOLDER)
            below.mkdir(parents=True)
        (below / f"{number}.gif").write_bytes(one_pixel(number))


def one_pixel(colour: int) -> bytes:
    """A GIF with a palette of two colours, this one and black."""
    head = b"GIF89a" + bytes([1, 0, 1, 0, 0x80, 0, 0])
    return head + colour.to_bytes(3, "big") + bytes(3) + bytes.fromhex("2c00000000010001000002024401003b")


class Backlog:
    """What is measured while a backlog is queued."""

    def __init__(self, home: DaemonHome, daemon: psutil.Process) -> None:
        self._home = home
        self._daemon = daemon
        self._before = median(self._ask()[0] for _ in range(5))
        self._dropped = time.monotonic()
        self._first: float | None = None
        self._memory = 0
        self._status: list[float] = []

    def is_queued(self) -> bool:
        self._memory = max(self._memory, self._daemon.memory_info().rss)
        began = time.monotonic()
        seconds, count = self._ask()
        self._status.append(seconds)
        if count and self._first is None:
            self._first = began
        return count >= MANY

    def figures(self) -> dict[str, Any]:
        assert self._first is not None
        now = time.monotonic()
        return {
            "files": MANY,
            "seconds_from_drop_to_last": round(now - self._dropped, 1),
            "files_a_second": round(MANY / (now - self._first)),
            "daemon_memory_bytes": self._memory,
            "status_seconds_before": round(self._before, 2),
            "status_seconds": round(median(self._status), 2),
            "status_seconds_worst": round(max(self._status), 2),
        }

    def _ask(self) -> tuple[float, int]:
        """How long `smolwatch status` took, and how many jobs it reported."""
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "cli.main", "status", "--json"],
            cwd=ROOT,
            env=self._home.environ,
            capture_output=True,
            check=True,
        )
        return time.monotonic() - began, sum(json.loads(done.stdout)["jobs"].values())
