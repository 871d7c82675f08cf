"""Fault 32: a file that kills the worker each time (SIGSEGV). Real."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.lifecycle import JobState
from tests.fakes.scripted_worker import CRASH
from tests.support.ledger import audit
from tests.support.processes import DaemonHome
from tests.support.running_jobs import draw
from tests.support.waiting import wait_for


@pytest.fixture
def home(tmp_path: Path) -> Iterator[DaemonHome]:
    home = DaemonHome(tmp_path / "home", {"SMOLWATCH_WORK__MAX_ATTEMPTS": "2"}, scripted=True)
    yield home
    home.close()


def test_it_is_given_up_after_its_attempts_and_those_beside_it_are_described(home: DaemonHome) -> None:
    names = [f"{number}.png" for number in range(6)]
    for name in names:
        draw(home.inbox / name, size=(CRASH if name == "3.png" else 40 + int(name[0]), 48))
    home.start_and_wait()
    wait_for(lambda: home.states() == dict.fromkeys(names, JobState.DONE) | {"3.png": JobState.FAILED}, 40)
    poison = home.jobs()["3.png"]
    assert (poison.attempts, poison.reason_code) == (2, "worker-died")
    assert poison.reason == "smolwatch's worker ended 2 times while it worked on this file."
    assert "signal 11" in (poison.detail or "")
    home.close()
    assert audit(home, names).is_clean
