"""The real model's full shape on MLX, with random weights: in float32 it writes what torch writes, token for token."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest
import torch

from config.recipes import load_recipe
from daemon.inference.mlx.model_runner import MlxRunner
from daemon.inference.smolvlm.processor import Processor
from daemon.inference.torch.model_runner import TorchRunner
from daemon.inference.weights.sources import write_random
from tests.contracts.test_engine import picture, text_alone
from tests.support.torch_reference import batched_outputs

TOKENS = 6
#: A picture of one tile with two questions after one prefix, and text alone. MLX's CPU build takes minutes for a tile.
SHOWN = [picture("a", size=(300, 200)), text_alone("b")]
ASKED = load_recipe().image[:2]


def written(folder: Path, load: Callable[[Path], Any]) -> list[list[int]]:
    """What the batch writes, all at once. The runner is freed: two of them in float32 would take 4 GB."""
    processor = Processor.from_folder(folder, detail="fast")
    return batched_outputs(load(folder), processor, SHOWN, ASKED, TOKENS, max_sequences=4, max_tokens=10_000)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_full_shape_on_mlx_writes_what_torch_writes(tmp_path: Path) -> None:
    write_random(tmp_path)
    on_torch = written(tmp_path, lambda folder: TorchRunner.from_folder(folder, torch.device("cpu"), torch.float32))
    gc.collect()
    on_mlx = written(tmp_path, lambda folder: MlxRunner.from_folder(folder, mx.Device(mx.cpu), mx.float32))
    print(f"{sum(map(len, on_mlx))} tokens of {len(on_mlx)} answers: {on_mlx}")
    assert on_mlx == on_torch
    assert len({tuple(answer) for answer in on_mlx}) > 1, "or a mix-up would not show"
