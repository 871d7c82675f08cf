"""A daemon without work: it holds no model, hardly wakes up, and is there when a file comes. Real."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.lifecycle import JobState
from tests.support.costs import cost_of
from tests.support.processes import DaemonHome, workers
from tests.support.running_jobs import draw
from tests.support.waiting import wait_for

DONE = JobState.DONE
MOST_WAKEUPS = 1.0
MOST_CPU = 0.002
MOST_BYTES = 120_000_000


@pytest.fixture
def home(tmp_path: Path) -> Iterator[DaemonHome]:
    home = DaemonHome(tmp_path / "home")
    yield home
    home.close()


@pytest.fixture
def hasty(tmp_path: Path) -> Iterator[DaemonHome]:
    """It lets a worker go that had nothing to do for 1.2 seconds."""
    home = DaemonHome(tmp_path / "home", {"SMOLWATCH_WORK__IDLE_MINUTES": "0.02"})
    yield home
    home.close()


def smolwatch(home: DaemonHome, *words: str) -> str:
    done = home.invoke(*words)
    done.check_returncode()
    return done.stdout


def test_a_worker_lives_for_the_files_and_goes_when_there_are_no_more(hasty: DaemonHome) -> None:
    daemon = hasty.start_and_wait()
    assert (hasty.engine().state, hasty.engine().model) == ("idle", "echo")
    assert workers(daemon.pid) == []
    assert "idle: echo is loaded with the next file" in smolwatch(hasty, "status")
    for name in ("one.png", "two.png"):
        draw(hasty.inbox / name, size=(40 + len(name), 48 + ord(name[0])))
        wait_for(lambda name=name: hasty.states().get(name) is DONE, 30)  # type: ignore[misc]
        wait_for(lambda: not workers(daemon.pid), 20)
        wait_for(lambda: hasty.engine().state == "idle")
    assert {job.attempts for job in hasty.jobs().values()} == {1}
    assert hasty.logged("nothing waits for the model") == 2
    assert hasty.logged("WARNING") == 0, "its end is no crash"


def test_a_worker_that_may_go_at_once_does_its_work_first(tmp_path: Path) -> None:
    home = DaemonHome(tmp_path / "home", {"SMOLWATCH_WORK__IDLE_MINUTES": "0"})
    try:
        daemon = home.start_and_wait()
        names = [f"{number}.png" for number in range(5)]
        for number, name in enumerate(names):
            draw(home.inbox / name, size=(40 + number, 48))
        wait_for(lambda: home.states() == dict.fromkeys(names, DONE), 30)
        wait_for(lambda: not workers(daemon.pid), 20)
        assert {job.attempts for job in home.jobs().values()} == {1}
    finally:
        home.close()


def test_a_retry_from_the_command_line_is_found_without_a_worker(hasty: DaemonHome) -> None:
    daemon = hasty.start_and_wait()
    draw(hasty.inbox / "beach.png")
    wait_for(lambda: hasty.states() == {"beach.png": DONE}, 30)
    first = hasty.jobs()["beach.png"]
    wait_for(lambda: not workers(daemon.pid), 20)
    smolwatch(hasty, "retry", str(first.id))
    wait_for(lambda: hasty.jobs()["beach.png"].id != first.id and hasty.states() == {"beach.png": DONE}, 20)


def test_a_stop_takes_effect_at_once_while_nothing_happens(home: DaemonHome) -> None:
    daemon = home.start_and_wait()
    time.sleep(1)  # so that it is in the midst of a long rest
    began = time.monotonic()
    daemon.terminate()
    assert daemon.wait(timeout=20) == 0
    assert time.monotonic() - began < 1.5


def check_cost(pid: int) -> None:
    cost = cost_of(pid, 12)
    assert cost.wakeups <= MOST_WAKEUPS, cost
    assert cost.cpu <= MOST_CPU, cost
    assert cost.rss <= MOST_BYTES, cost


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone counts wakeups for everybody to read")
def test_an_empty_inbox_costs_next_to_nothing(home: DaemonHome) -> None:
    daemon = home.start_and_wait()
    time.sleep(3)  # what is done once, at the start, is over
    check_cost(daemon.pid)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone counts wakeups for everybody to read")
def test_so_does_a_daemon_that_has_let_its_worker_go(hasty: DaemonHome) -> None:
    daemon = hasty.start_and_wait()
    draw(hasty.inbox / "beach.png")
    wait_for(lambda: hasty.states() == {"beach.png": DONE}, 30)
    wait_for(lambda: not workers(daemon.pid), 20)
    time.sleep(3)
    check_cost(daemon.pid)
