"""A daemon that dies again and again ends up in safe mode, as real processes."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.lifecycle import JobState
from tests.support.holding import draw
from tests.support.processes import ROOT, House, workers
from tests.support.waiting import wait_for


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path / "house")
    yield house
    house.close()


def test_five_deaths_lead_to_safe_mode_and_a_clean_restart_out_of_it(house: House) -> None:
    for _ in range(5):
        daemon = house.start()
        wait_for(lambda pid=daemon.pid: house.daemon().pid == pid)  # type: ignore[misc]
        daemon.kill()
        daemon.wait(timeout=5)
    resting = house.start()
    draw(house.inbox / "beach.png")
    wait_for(lambda: house.engine().state == "safe mode", 20)
    wait_for(lambda: house.states() == {"beach.png": JobState.QUEUED}, 20)
    assert not workers(resting.pid)
    status = [sys.executable, "-m", "cli.main", "status"]
    said = subprocess.run(status, cwd=ROOT, env=house.environ, capture_output=True, text=True, check=True).stdout
    assert "safe mode" in said
    assert "crashed 5 times within ten minutes" in said
    resting.send_signal(signal.SIGTERM)
    assert resting.wait(timeout=20) == 0
    house.start()
    wait_for(lambda: house.states() == {"beach.png": JobState.DONE}, 30)
