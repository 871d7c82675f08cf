"""Fault 48: SIGTERM during a file that takes a minute, and a second one. Real."""

from __future__ import annotations

import signal
import subprocess
import time
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
    home = DaemonHome(tmp_path / "home", scripted=True)
    yield home
    home.close()


def begin_a_minute(home: DaemonHome) -> subprocess.Popen[str]:
    draw(home.inbox / "minute.png", size=(SLOW, 48))
    daemon = home.start_and_wait()
    wait_for(lambda: home.logged(ASLEEP), 30)
    return daemon


def test_it_is_released_uncharged_within_fifteen_seconds(home: DaemonHome) -> None:
    daemon = begin_a_minute(home)
    began = time.monotonic()
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(timeout=20) == 0
    assert 10 < time.monotonic() - began < 15
    assert (home.states()["minute.png"], home.jobs()["minute.png"].attempts) == (JobState.QUEUED, 0)


def test_a_second_signal_does_not_wait(home: DaemonHome) -> None:
    daemon = begin_a_minute(home)
    daemon.send_signal(signal.SIGTERM)
    time.sleep(0.5)  # two signals at once would be one
    began = time.monotonic()
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(timeout=20) == 0
    assert time.monotonic() - began < 3
    assert (home.states()["minute.png"], home.jobs()["minute.png"].attempts) == (JobState.QUEUED, 0)
