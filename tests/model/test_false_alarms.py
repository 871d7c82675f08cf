"""A device that computes soundly passes its check, whatever it is shown: 200 trials, each with tiles of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from daemon.inference.device_check_inputs import TILES, CheckInputs, SingleResults
from daemon.inference.device_faults import relative_error
from daemon.inference.smolvlm.checkpoint import read_spec
from daemon.inference.smolvlm.processor import Floats
from daemon.inference.torch.attention import AttentionKernel, fused, plain
from daemon.inference.torch.device_check import RunMode, find_fault
from daemon.inference.torch.model_runner import TorchRunner
from daemon.inference.weights.sources import DEMO, write_random

pytestmark = [pytest.mark.slow, pytest.mark.timeout(5400)]

CPU = torch.device("cpu")
NAMES: dict[AttentionKernel, str] = {fused: "fused", plain: "plain"}
WAYS = [RunMode(kernel, dtype, 8, "") for kernel in (fused, plain) for dtype in (torch.bfloat16, torch.float32)]
THREADS = (1, 2)
#: Tiles for the demo model and for random weights at full size: 8 trials of each, 200 in all.
SEEDS = {"demo": range(1, 22), "full size": range(1, 5)}


@dataclass(frozen=True, kw_only=True)
class SeededProbe(CheckInputs):
    """Noise at one seed, drawn tiles of flat colour at the next: what saturates rounds otherwise than what does not."""

    seed: int

    def _tiles(self) -> list[Floats]:
        random = np.random.default_rng(self.seed)
        shape = (TILES, 3, self.tile, self.tile)
        if self.seed % 2:
            return list(random.standard_normal(shape).astype(np.float32))
        flat = random.uniform(-1, 1, (TILES, 3, 1, 1)).astype(np.float32)
        return [np.ascontiguousarray(tile) for tile in np.broadcast_to(flat, shape)]


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("weights", SEEDS)
def test_a_sound_device_raises_no_alarm(
    weights: str, tmp_path: Path, subtests: pytest.Subtests, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = DEMO if weights == "demo" else tmp_path / "weights"
    if weights != "demo":
        write_random(folder)
    spec = read_spec(folder)
    probes = [SeededProbe(tile=spec.tile, image_id=spec.image_id, context=spec.context, seed=k) for k in SEEDS[weights]]
    reference = TorchRunner.from_folder(folder, CPU, torch.float32)
    truths = [inputs.run_single(reference) for inputs in probes]
    del reference
    for mode in WAYS:
        runner = TorchRunner.from_folder(folder, CPU, mode.dtype, kernel=mode.kernel)
        for count in THREADS:
            torch.set_num_threads(count)
            worst = dict.fromkeys(("features", "scores", "together"), 0.0)
            for inputs, expected in zip(probes, truths, strict=True):
                with subtests.test(f"{NAMES[mode.kernel]}, {mode.dtype}, {count} threads, tiles {inputs.seed}"):
                    single, batch = inputs.run_single(runner), inputs.run_batch(runner)
                    note(worst, single, expected, relative_error(batch.scores, single.scores))
                    assert find_fault(single, batch, expected, mode) is None
            with capsys.disabled():
                shares = ", ".join(f"{name} {far:.4f}" for name, far in worst.items())
                print(f"\n{weights}, {NAMES[mode.kernel]}, {mode.dtype}, {count} threads: at most off {shares}")


def note(worst: dict[str, float], single: SingleResults, expected: SingleResults, batch: float) -> None:
    found = (relative_error(single.features, expected.features), relative_error(single.scores, expected.scores), batch)
    worst.update({name: max(far, new) for (name, far), new in zip(worst.items(), found, strict=True)})
