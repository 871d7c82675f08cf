"""Fault 45: the worker is killed for want of memory. Real (SIGKILL, as the kernel does it)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.lifecycle import JobState
from tests.fakes.scripted_worker import KILLED
from tests.support.ledger import audit
from tests.support.processes import DaemonHome
from tests.support.running_jobs import draw
from tests.support.waiting import wait_for


@pytest.fixture
def home(tmp_path: Path) -> Iterator[DaemonHome]:
    home = DaemonHome(tmp_path / "home", {"SMOLWATCH_WORK__MAX_ATTEMPTS": "2"}, scripted=True)
    yield home
    home.close()


def test_it_is_tried_again_alone_and_then_given_up_with_the_likely_cause(home: DaemonHome) -> None:
    draw(home.inbox / "greedy.png", size=(KILLED, 48))
    draw(home.inbox / "small.png")
    home.start_and_wait()
    wait_for(lambda: home.states() == {"greedy.png": JobState.FAILED, "small.png": JobState.DONE}, 40)
    greedy = home.jobs()["greedy.png"]
    assert greedy.attempts == 2
    assert "killed by signal 9 (out of memory?)" in (greedy.detail or "")
    home.close()
    assert audit(home, ["greedy.png", "small.png"]).is_clean
