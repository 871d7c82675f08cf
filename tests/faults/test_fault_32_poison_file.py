"""Fault 32: a file that kills the worker each time (SIGSEGV). Real."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.lifecycle import JobState
from tests.fakes.obedient_worker import CRASH
from tests.support.holding import draw
from tests.support.ledger import audit
from tests.support.processes import House
from tests.support.waiting import wait_for


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path / "house", {"SMOLWATCH_WORK__MAX_ATTEMPTS": "2"}, obedient=True)
    yield house
    house.close()


def test_it_is_given_up_after_its_attempts_and_those_beside_it_are_described(house: House) -> None:
    names = [f"{number}.png" for number in range(6)]
    for name in names:
        draw(house.inbox / name, size=(CRASH if name == "3.png" else 40 + int(name[0]), 48))
    house.start_and_wait()
    wait_for(lambda: house.states() == dict.fromkeys(names, JobState.DONE) | {"3.png": JobState.FAILED}, 40)
    poison = house.jobs()["3.png"]
    assert (poison.attempts, poison.reason_code) == (2, "worker-died")
    assert poison.reason == "smolwatch's worker ended 2 times while it worked on this file."
    assert "signal 11" in (poison.detail or "")
    house.close()
    assert audit(house, names).is_clean
