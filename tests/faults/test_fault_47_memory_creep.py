"""Fault 47: the worker's memory creeps up, 50 MB a file. Real."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.worker.memory import WARM_ANSWERS
from storage.lifecycle import JobState
from tests.fakes.obedient_worker import HOARD, HOARD_BYTES
from tests.support.holding import draw
from tests.support.ledger import audit
from tests.support.processes import House, workers
from tests.support.waiting import wait_for


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path / "house", {"SMOLWATCH_WORK__GROWTH_BYTES": str(3 * HOARD_BYTES)}, obedient=True)
    yield house
    house.close()


def test_the_worker_is_renewed_between_files_and_none_is_lost_or_charged(house: House) -> None:
    daemon = house.start_and_wait()
    names = [f"{number:02}.png" for number in range(14)]
    first = 0
    # Several may be described at once: what the first ones take must be measured before the others come.
    for some in (names[:WARM_ANSWERS], names[WARM_ANSWERS:]):
        for name in some:
            draw(house.inbox / name, size=(HOARD, 30 + names.index(name)))
        wait_for(lambda drawn=some: {house.states().get(name) for name in drawn} == {JobState.DONE}, 40)
        first = first or house.worker(daemon).pid
    wait_for(lambda: first not in [worker.pid for worker in workers(daemon.pid)], 20)
    draw(house.inbox / "next.png")
    wait_for(lambda: house.states().get("next.png") is JobState.DONE, 30)
    assert house.worker(daemon).pid != first
    assert {job.attempts for job in house.jobs().values()} == {1}
    house.close()
    assert audit(house, [*names, "next.png"]).is_clean
