"""What a stranger types first, with the demo model that is in the package."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli.samples import SAMPLE_QUESTION, shipped_samples
from tests.support.checkout import ROOT


@pytest.mark.parametrize("engine", ["auto", pytest.param("mlx", marks=[pytest.mark.slow, pytest.mark.timeout(300)])])
def test_every_sample_of_the_demo_is_described_truly_and_its_question_answered(engine: str, tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("SMOLWATCH_")}
    environ["SMOLWATCH_MODEL__ENGINE"] = engine
    done = subprocess.run(
        [sys.executable, "-P", "-m", "cli.main", "demo"],
        cwd=tmp_path,
        env=environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=58 if engine == "auto" else 290,
        check=False,
    )
    count = len(shipped_samples())
    assert f"{count} of {count} captions are true." in done.stdout, done.stdout + done.stderr
    asked = SAMPLE_QUESTION
    assert f'Asked about {asked.name}: "{asked.question}" {asked.answer} (true)' in done.stdout
    assert done.returncode == 0
