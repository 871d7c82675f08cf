"""Fault 34: the daemon is stopped and started again and again during one file. Real."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.lifecycle import JobState
from tests.fakes.scripted_worker import ASLEEP, SLOW
from tests.support.processes import DaemonHome
from tests.support.running_jobs import draw
from tests.support.waiting import wait_for


@pytest.fixture
def home(tmp_path: Path) -> Iterator[DaemonHome]:
    home = DaemonHome(tmp_path / "home", {"SMOLWATCH_WORK__STOP_SECONDS": "0.2"}, scripted=True)
    yield home
    home.close()


def test_five_clean_stops_during_one_file_burn_no_attempt(home: DaemonHome) -> None:
    draw(home.inbox / "slow.png", size=(SLOW, 48))
    for stop in range(5):
        daemon = home.start()
        wait_until_asleep(home, times=stop + 1)
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(timeout=15) == 0
        slow = home.jobs()["slow.png"]
        assert (slow.state, slow.attempts) == (JobState.QUEUED, 0)


def wait_until_asleep(home: DaemonHome, times: int) -> None:
    wait_for(lambda: home.logged(ASLEEP) == times, 30)
