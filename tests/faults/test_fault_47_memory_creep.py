"""Fault 47: the worker's memory creeps up, 50 MB a file. Real."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest

from daemon.worker.memory import WARM_ANSWERS
from storage.lifecycle import JobState
from tests.fakes.scripted_worker import HOARD, HOARD_BYTES
from tests.support.ledger import audit
from tests.support.processes import DaemonHome, workers
from tests.support.running_jobs import draw
from tests.support.waiting import wait_for


@pytest.fixture
def home(tmp_path: Path) -> Iterator[DaemonHome]:
    home = DaemonHome(tmp_path / "home", {"SMOLWATCH_WORK__GROWTH_BYTES": str(3 * HOARD_BYTES)}, scripted=True)
    yield home
    home.close()


def are_done(home: DaemonHome, names: Sequence[str]) -> bool:
    states = home.states()
    return all(states.get(name) is JobState.DONE for name in names)


def test_the_worker_is_renewed_between_files_and_none_is_lost_or_charged(home: DaemonHome) -> None:
    daemon = home.start_and_wait()
    names = [f"{number:02}.png" for number in range(14)]
    first = 0
    # Several may be described at once: what the first ones take must be measured before the others come.
    for some in (names[:WARM_ANSWERS], names[WARM_ANSWERS:]):
        for name in some:
            draw(home.inbox / name, size=(HOARD, 30 + names.index(name)))
        wait_for(partial(are_done, home, some), 40)
        first = first or home.worker(daemon).pid
    wait_for(lambda: first not in [worker.pid for worker in workers(daemon.pid)], 20)
    draw(home.inbox / "next.png")
    wait_for(lambda: home.states().get("next.png") is JobState.DONE, 30)
    assert home.worker(daemon).pid != first
    assert {job.attempts for job in home.jobs().values()} == {1}
    home.close()
    assert audit(home, [*names, "next.png"]).is_clean
