"""Checkpoints of the other published sizes, with random weights: both engines read them and compute the same."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import psutil
import pytest
import torch

from daemon.inference.device_faults import relative_error
from daemon.inference.mlx.model_runner import MlxRunner
from daemon.inference.smolvlm.checkpoint import read_spec
from daemon.inference.smolvlm.processor import Floats
from daemon.inference.torch.model_runner import TorchRunner
from tests.support.published_twins import write_full_size

#: For the weights of one engine, the mapped file, and what reading them takes for a while.
NEEDED = {"256m": 4 * 10**9, "2.2b": 12 * 10**9}
RUNNERS: dict[str, Callable[[Path], Any]] = {
    "torch": lambda folder: TorchRunner.from_folder(folder, torch.device("cpu"), torch.bfloat16),
    "mlx": lambda folder: MlxRunner.from_folder(folder, mx.Device(mx.cpu), mx.bfloat16),
}
#: In bf16 the scores of full-size random weights differ by 0.017, see daemon/inference/device_faults.py.
MAX_ERROR = 0.1


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("size", NEEDED)
def test_both_engines_read_a_full_size_checkpoint_and_compute_the_same(size: str, tmp_path: Path) -> None:
    """The next token's scores after a prompt about one tile; of the largest, whose tile takes minutes, after text."""
    if (free := psutil.virtual_memory().available) < NEEDED[size]:
        pytest.skip(f"{size} needs {NEEDED[size] / 1e9:.0f} GB of memory, and {free / 1e9:.1f} GB are free")
    folder = write_full_size(tmp_path / size, size)
    scores = {name: scores_of(make(folder), folder, with_tile=size == "256m") for name, make in RUNNERS.items()}
    assert all(np.isfinite(each).all() for each in scores.values())
    assert relative_error(scores["mlx"], scores["torch"]) < MAX_ERROR


def scores_of(runner: Any, folder: Path, *, with_tile: bool) -> Floats:
    spec = read_spec(folder)
    with closing(runner):
        features = []
        if with_tile:
            tile = np.random.default_rng(0).standard_normal((3, spec.tile, spec.tile), np.float32)
            features = runner.encode_images([tile])
        ids = [1, *[spec.image_id] * (spec.tokens_per_tile * len(features)), 11126, 42, 15876]
        slot = runner.add(ids, features, 256)
        return np.stack([runner.on_host(each) for each in runner.prefill_scores([(slot, len(ids))])])
