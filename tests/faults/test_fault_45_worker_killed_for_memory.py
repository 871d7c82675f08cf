"""Fault 45: the worker is killed for want of memory. Real (SIGKILL, as the kernel does it)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.lifecycle import JobState
from tests.fakes.obedient_worker import KILLED
from tests.support.holding import draw
from tests.support.ledger import audit
from tests.support.processes import House
from tests.support.waiting import wait_for


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path / "house", {"SMOLWATCH_WORK__MAX_ATTEMPTS": "2"}, obedient=True)
    yield house
    house.close()


def test_it_is_tried_again_alone_and_then_given_up_with_the_likely_cause(house: House) -> None:
    draw(house.inbox / "greedy.png", size=(KILLED, 48))
    draw(house.inbox / "small.png")
    house.start_and_wait()
    wait_for(lambda: house.states() == {"greedy.png": JobState.FAILED, "small.png": JobState.DONE}, 40)
    greedy = house.jobs()["greedy.png"]
    assert greedy.attempts == 2
    assert "killed by signal 9 (out of memory?)" in (greedy.detail or "")
    house.close()
    assert audit(house, ["greedy.png", "small.png"]).is_clean
