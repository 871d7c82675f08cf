"""Random weights have the real model's shape, to the tensor."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load
from transformers import SmolVLMConfig, SmolVLMForConditionalGeneration

from daemon.inference.weights import random
from daemon.inference.weights.random import FILES, write, write_tensors
from tests.support.golden import SHIPPED

SHAPES = {"norm.weight": [64], "norm.bias": [64], "matrix.weight": [100, 3, 5]}


def golden_tensors() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(SHIPPED.with_name("golden_tensors.json").read_text())
    return found


def test_the_shipped_table_is_the_census_of_the_real_file() -> None:
    table, census = json.loads((FILES / "tensors.json").read_text())["shapes"], golden_tensors()
    assert table == census["shapes"]
    assert len(table) == 489
    assert sum(math.prod(shape) for shape in table.values()) == 507_482_304


def test_the_table_is_what_the_model_class_holds() -> None:
    """Built without memory, from the shipped config.json."""
    with torch.device("meta"):
        model = SmolVLMForConditionalGeneration(SmolVLMConfig.from_pretrained(FILES))
    assert {name: list(tensor.shape) for name, tensor in model.state_dict().items()} == golden_tensors()["shapes"]


def test_tensors_are_bf16_of_the_right_shapes_and_small_numbers() -> None:
    buffer = io.BytesIO()
    write_tensors(buffer, SHAPES, seed=3)
    tensors = load(buffer.getvalue())
    assert {name: list(tensor.shape) for name, tensor in tensors.items()} == SHAPES
    assert {tensor.dtype for tensor in tensors.values()} == {torch.bfloat16}
    assert tensors["norm.weight"].float().mean().item() == pytest.approx(1, abs=0.02)
    assert tensors["matrix.weight"].float().std().item() == pytest.approx(0.02, rel=0.1)


def test_the_seed_decides_the_weights() -> None:
    files = []
    for seed in (1, 1, 2):
        buffer = io.BytesIO()
        write_tensors(buffer, SHAPES, seed)
        files.append(buffer.getvalue())
    assert files[0] == files[1] != files[2]


def test_the_folder_is_a_checkpoint_with_the_real_model_s_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a small table in place of the large one."""
    files = tmp_path / "files"
    files.mkdir()
    for file in FILES.glob("*.json"):
        (files / file.name).write_bytes(file.read_bytes())
    (files / "tensors.json").write_text(json.dumps({"shapes": SHAPES}))
    monkeypatch.setattr(random, "FILES", files)
    write(tmp_path / "random", seed=0)
    made = {file.name for file in (tmp_path / "random").iterdir()}
    assert made == {file.name for file in FILES.glob("*.json")} - {"tensors.json"} | {"model.safetensors"}
