"""The built wheel in a fresh environment, outside the checkout, goes the whole way."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.support.checkout import ROOT


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_the_wheel_runs_the_demo_from_an_empty_folder(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", str(tmp_path), str(ROOT)], check=True, timeout=300
    )
    wheel = next(tmp_path.glob("smolwatch-*.whl"))
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    constraints = str(ROOT / "constraints.txt")
    subprocess.run([python, "-m", "pip", "install", "--quiet", "-c", constraints, wheel], check=True, timeout=1000)
    empty = tmp_path / "empty"
    empty.mkdir()
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("SMOLWATCH_", "PYTHON"))}
    demo = subprocess.run(
        [tmp_path / "venv" / "bin" / "smolwatch", "demo"],
        cwd=empty,
        env=environ,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert "12 of 12 captions are true." in demo.stdout
