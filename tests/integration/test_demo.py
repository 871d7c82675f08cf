"""`smolwatch demo` as a real process with a real daemon, on the engine that has no model: every step but the truth."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from cli.samples import shipped_samples
from daemon.lock import holder
from tests.support.checkout import ROOT

#: Started as an installed program is: without the current folder on the search path.
DEMO = [sys.executable, "-P", "-m", "cli.main", "demo"]


def environment() -> dict[str, str]:
    mine = {name: value for name, value in os.environ.items() if not name.startswith("SMOLWATCH_")}
    return mine | {"PYTHONPATH": str(ROOT), "SMOLWATCH_MODEL__ENGINE": "echo"}


def demo(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(DEMO, cwd=folder, env=environment(), capture_output=True, text=True, timeout=50, check=False)


def described_at(folder: Path) -> dict[str, str]:
    inbox = folder / "smolwatch-demo" / "inbox"
    records = [json.loads(file.read_text()) for file in inbox.glob("*.smolwatch.json")]
    return {record["file"]["name"]: record["described_at"] for record in records}


def test_the_demo_goes_the_whole_way_and_a_second_time_describes_nothing_anew(tmp_path: Path) -> None:
    # What would be found instead of our own, if the daemon were looked for in the current folder.
    (tmp_path / "config.py").write_text("raise SystemExit('not ours')")
    first = demo(tmp_path)
    home = tmp_path / "smolwatch-demo"
    names = {sample.name for sample in shipped_samples()}
    assert first.returncode == 1, first.stderr  # the echo engine's captions are not the truth
    assert "0 of 12 captions are true." in first.stdout
    assert all(name in first.stdout for name in names)
    assert "A video of 6.0 seconds, 6 frames of " in first.stdout
    assert '"How many shapes are there?" A picture of 320x240. (drawn: Three.)' in first.stdout
    assert "smolwatch model pull" in first.stdout
    assert set(described_at(tmp_path)) == names
    assert all((home / "inbox" / f"{name}.md").exists() for name in names)
    assert holder(home / "data" / "smolwatch.lock") is None
    before = described_at(tmp_path)
    second = demo(tmp_path)
    assert second.returncode == 1, second.stderr
    assert "A video of 6.0 seconds, 6 frames of " in second.stdout
    assert described_at(tmp_path) == before


def test_a_stopped_demo_stops_its_daemon(tmp_path: Path) -> None:
    lock = tmp_path / "smolwatch-demo" / "data" / "smolwatch.lock"
    process = subprocess.Popen(
        DEMO, cwd=tmp_path, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    until = time.monotonic() + 30
    while holder(lock) is None and time.monotonic() < until:
        time.sleep(0.05)
    assert holder(lock) is not None
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 130
    assert holder(lock) is None
