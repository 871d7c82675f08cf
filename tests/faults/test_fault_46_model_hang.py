"""Fault 46: the model hangs, deaf to SIGTERM, while the heart beats on. Real."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.lifecycle import JobState
from tests.fakes.scripted_worker import HANG
from tests.support.ledger import audit
from tests.support.processes import DaemonHome
from tests.support.running_jobs import draw
from tests.support.waiting import wait_for


@pytest.fixture
def home(tmp_path: Path) -> Iterator[DaemonHome]:
    short = {"SMOLWATCH_WORK__STALL_SECONDS": "1", "SMOLWATCH_WORK__MAX_ATTEMPTS": "2"}
    home = DaemonHome(tmp_path / "home", short, scripted=True)
    yield home
    home.close()


def test_a_hung_model_is_ended_at_the_deadline_and_costs_the_one_file(home: DaemonHome) -> None:
    home.start_and_wait()
    began = time.monotonic()
    names = ["beside.png", "hangs.png", "later.png"]
    for name in names:
        draw(home.inbox / name, size=(HANG if name == "hangs.png" else 64, 48))
    wait_for(lambda: home.states() == dict.fromkeys(names, JobState.DONE) | {"hangs.png": JobState.FAILED}, 40)
    assert time.monotonic() - began > 1 + 3 + 2 + 3  # twice the deadline, longer the second time, and SIGTERM's grace
    hung = home.jobs()["hangs.png"]
    assert hung.attempts == 2
    assert "The worker made no progress for" in (hung.detail or "")
    home.close()
    assert audit(home, names).is_clean
