"""Fault 48: SIGTERM during a file that takes a minute, and a second one. Real."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.lifecycle import JobState
from tests.fakes.obedient_worker import ASLEEP, SLOW
from tests.support.holding import draw
from tests.support.processes import House
from tests.support.waiting import wait_for


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path / "house", obedient=True)
    yield house
    house.close()


def begin_a_minute(house: House) -> subprocess.Popen[str]:
    draw(house.inbox / "minute.png", size=(SLOW, 48))
    daemon = house.start_and_wait()
    wait_for(lambda: house.logged(ASLEEP), 30)
    return daemon


def test_it_is_released_uncharged_within_fifteen_seconds(house: House) -> None:
    daemon = begin_a_minute(house)
    began = time.monotonic()
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(timeout=20) == 0
    assert 10 < time.monotonic() - began < 15
    assert (house.states()["minute.png"], house.jobs()["minute.png"].attempts) == (JobState.QUEUED, 0)


def test_a_second_signal_does_not_wait(house: House) -> None:
    daemon = begin_a_minute(house)
    daemon.send_signal(signal.SIGTERM)
    time.sleep(0.5)  # two signals at once would be one
    began = time.monotonic()
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(timeout=20) == 0
    assert time.monotonic() - began < 3
    assert (house.states()["minute.png"], house.jobs()["minute.png"].attempts) == (JobState.QUEUED, 0)
