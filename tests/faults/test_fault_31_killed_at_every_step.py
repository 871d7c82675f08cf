"""Fault 31: killed between any two steps of a file's way. Real.

The process kills itself at the place, inside a transaction or between two, and the daemon dies after it. The places are
found in the source, so that none is forgotten; those of a sidecar are passed once for each of the two.
"""

from __future__ import annotations

import re
import signal
import subprocess

import psutil
import pytest

from config.failpoints import VARIABLE
from storage.lifecycle import JobState
from tests.support.checkout import ROOT
from tests.support.ledger import audit
from tests.support.processes import DaemonHome, workers
from tests.support.running_jobs import draw
from tests.support.waiting import wait_for

CALL = re.compile(r'failpoint\("([a-z-]+)"\)')
SOURCES = [file for room in ("daemon", "storage") for file in (ROOT / room).rglob("*.py")]
#: Not on the way of a file that is dropped; tried in tests/integration/test_sidecars_over_time.py.
ELSEWHERE = {"rebuilt", "redoing", "restoring", "set-apart", "taken-back", "taking-back"}
POINTS = sorted({name for file in SOURCES for name in CALL.findall(file.read_text())} - ELSEWHERE)
ONCE_A_SIDECAR = [name for name in POINTS if name.startswith(("temporary-", "sidecar-"))]
#: From here on the answer is stored.
STORED = {"published", "names-unsynced", "sidecars-written", "finishing", "finished", *ONCE_A_SIDECAR}


def test_there_is_a_place_at_every_step_of_the_way() -> None:
    assert {"settled", "admitting", "admitted", "claiming", "claimed", "opened", "described", "publishing"} <= set(
        POINTS
    )
    assert {"published", "sidecars-written", "finishing", "finished"} <= set(POINTS)
    assert len(ONCE_A_SIDECAR) == 4


@pytest.mark.parametrize("place", [*POINTS, *(f"{name}:2" for name in ONCE_A_SIDECAR)])
def test_nothing_is_lost_and_no_description_is_generated_twice(home: DaemonHome, place: str) -> None:
    draw(home.inbox / "beach.png")
    home.environ[VARIABLE] = place
    die_once(home.start())
    claimed = sum(note.startswith("Claimed") for note in notes(home))
    del home.environ[VARIABLE]
    assert home.start("--once").wait(timeout=40) == 0
    ledger = audit(home, ["beach.png"])
    assert ledger.is_clean, ledger
    assert ledger.states == {JobState.DONE: 1}
    if place.partition(":")[0] in STORED:
        assert sum(note.startswith("Claimed") for note in notes(home)) == claimed


#: What is done for all files that are delivered together.
TOGETHER = ["publishing", "published", "temporary-written:3", "sidecar-named:5", "names-unsynced", "finishing"]


@pytest.mark.parametrize("place", TOGETHER)
def test_nor_is_anything_of_files_that_are_delivered_together(home: DaemonHome, place: str) -> None:
    names = [f"{number}.png" for number in range(6)]
    for number, name in enumerate(names):
        draw(home.inbox / name, f"rgb({20 * number}, 0, 90)")
    home.environ[VARIABLE] = place
    die_once(home.start())
    del home.environ[VARIABLE]
    assert home.start("--once").wait(timeout=40) == 0
    ledger = audit(home, names)
    assert ledger.is_clean, ledger
    assert ledger.states == {JobState.DONE: len(names)}
    for job in home.jobs().values():
        assert home.notes(job).count("Described.") == 1


def die_once(daemon: subprocess.Popen[str]) -> None:
    """Wait until the daemon or its worker kills itself; then the daemon dies too, before there is a second worker."""
    seen: set[psutil.Process] = set()

    def somebody_died() -> bool:
        seen.update(workers(daemon.pid))
        return daemon.poll() is not None or any(has_died(process) for process in seen)

    wait_for(somebody_died, 30)
    daemon.kill()
    assert daemon.wait(timeout=10) == -signal.SIGKILL


def has_died(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def notes(home: DaemonHome) -> list[str]:
    return [note for job in home.jobs().values() for note in home.notes(job)]
