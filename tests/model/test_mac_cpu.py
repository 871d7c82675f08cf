"""The CPU of a Mac, as far as Linux can stand in: PyTorch without oneDNN, which there is not built in.

In bf16 such a CPU takes 10 to 50 times as long as in float32, and a full-size picture would miss its deadlines.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from daemon.inference.weights.sources import write_random
from storage.lifecycle import JobState
from tests.support.checkout import ROOT
from tests.support.processes import DaemonHome
from tests.support.proofs import output_of, run_once

MAC = ROOT / "tests" / "fakes" / "mac_cpu"


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_full_size_picture_is_described_on_the_cpu_of_a_mac(tmp_path: Path) -> None:
    write_random(tmp_path / "weights")
    home = DaemonHome(
        tmp_path / "home", {"SMOLWATCH_MODEL__ENGINE": "torch", "SMOLWATCH_MODEL__ID": f"{tmp_path}/weights"}
    )
    home.environ["PYTHONPATH"] = f"{MAC}:{home.environ['PYTHONPATH']}"
    clouds = np.random.default_rng(5).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    Image.fromarray(clouds).resize((4032, 3024), Image.Resampling.BICUBIC).save(home.inbox / "clouds.jpg")
    output_of(run_once(home))
    job = home.jobs()["clouds.jpg"]
    with home.reading() as library:
        description = library.description(job.id)
    assert job.state is JobState.DONE and job.attempts == 1
    assert description is not None and description.model.device == "cpu"
    assert description.model.dtype == "float32"
    print(f"described in {description.stats.seconds}")
