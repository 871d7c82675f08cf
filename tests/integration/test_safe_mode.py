"""A daemon that dies again and again ends up in safe mode, as real processes."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.lifecycle import JobState
from tests.support.checkout import ROOT
from tests.support.processes import DaemonHome, workers
from tests.support.running_jobs import draw
from tests.support.waiting import wait_for


@pytest.fixture
def home(tmp_path: Path) -> Iterator[DaemonHome]:
    home = DaemonHome(tmp_path / "home")
    yield home
    home.close()


def test_five_deaths_lead_to_safe_mode_and_a_clean_restart_out_of_it(home: DaemonHome) -> None:
    for _ in range(5):
        daemon = home.start()
        wait_for(lambda pid=daemon.pid: home.daemon().pid == pid)  # type: ignore[misc]
        daemon.kill()
        daemon.wait(timeout=5)
    resting = home.start()
    draw(home.inbox / "beach.png")
    wait_for(lambda: home.engine().state == "safe mode", 20)
    wait_for(lambda: home.states() == {"beach.png": JobState.QUEUED}, 20)
    assert not workers(resting.pid)
    status = [sys.executable, "-m", "cli.main", "status"]
    output = subprocess.run(status, cwd=ROOT, env=home.environ, capture_output=True, text=True, check=True).stdout
    assert "safe mode" in output
    assert "crashed 5 times within ten minutes" in output
    resting.send_signal(signal.SIGTERM)
    assert resting.wait(timeout=20) == 0
    home.start()
    wait_for(lambda: home.states() == {"beach.png": JobState.DONE}, 30)
