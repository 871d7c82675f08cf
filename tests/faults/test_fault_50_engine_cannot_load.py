"""Fault 50: a bad configuration, no weights, or weights that cannot be loaded. Real."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from storage.lifecycle import JobState
from tests.support.checkout import ROOT
from tests.support.processes import DaemonHome
from tests.support.running_jobs import draw
from tests.support.waiting import wait_for


def test_a_bad_setting_ends_with_78_and_is_named(home: DaemonHome) -> None:
    home.settings.config_file.write_text("[work]\nmax_attempts = 0\n")
    command = [sys.executable, "-m", "cli.main", "run"]
    ended = subprocess.run(command, cwd=ROOT, env=home.environ, capture_output=True, text=True, check=False)
    assert ended.returncode == 78
    assert "work.max_attempts" in ended.stderr


def test_weights_that_cannot_be_loaded_consume_no_attempt(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "config.json").write_text("{")
    home = DaemonHome(tmp_path / "home", {"SMOLWATCH_MODEL__ENGINE": "torch", "SMOLWATCH_MODEL__ID": str(broken)})
    try:
        draw(home.inbox / "beach.png")
        home.start_and_wait()
        wait_for(lambda: home.states() == {"beach.png": JobState.QUEUED})
        assert home.engine().state == "unavailable"
        assert home.engine().reason
        assert home.jobs()["beach.png"].attempts == 0
    finally:
        home.close()
