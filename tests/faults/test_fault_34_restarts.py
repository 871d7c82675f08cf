"""Fault 34: the daemon is stopped and started again and again during one file. Real."""

from __future__ import annotations

import signal
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
    house = House(tmp_path / "house", {"SMOLWATCH_WORK__STOP_SECONDS": "0.2"}, obedient=True)
    yield house
    house.close()


def test_five_clean_stops_during_one_file_burn_no_attempt(house: House) -> None:
    draw(house.inbox / "slow.png", size=(SLOW, 48))
    for stop in range(5):
        daemon = house.start()
        wait_until_asleep(house, times=stop + 1)
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(timeout=15) == 0
        slow = house.jobs()["slow.png"]
        assert (slow.state, slow.attempts) == (JobState.QUEUED, 0)


def wait_until_asleep(house: House, times: int) -> None:
    wait_for(lambda: house.logged(ASLEEP) == times, 30)
