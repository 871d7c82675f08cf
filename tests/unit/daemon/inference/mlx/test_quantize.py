"""Quantized weights: stored and read back they equal those that are quantized at load."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest

from config.errors import ModelUnavailableError, SmolwatchError
from daemon.inference.mlx.linear import Quantized
from daemon.inference.mlx.model_runner import MlxRunner
from daemon.inference.mlx.quantize import write_quantized
from daemon.inference.mlx.weights import is_quantizable, read_tensors, read_weights
from daemon.inference.smolvlm.architecture import read_architecture
from daemon.inference.weights.sources import DEMO

CPU = mx.Device(mx.cpu)


@pytest.mark.parametrize("bits", [8, 4])
def test_what_is_stored_is_read_back_bit_for_bit(tmp_path: Path, bits: int) -> None:
    write_quantized(DEMO, tmp_path, bits)
    architecture = read_architecture(tmp_path)
    assert architecture == read_architecture(DEMO)
    stored = read_weights(tmp_path, architecture, mx.bfloat16)
    made = read_weights(DEMO, architecture, mx.bfloat16, bits)
    assert stored.bits == bits
    compared = 0
    for name, shape in architecture.shapes().items():
        matrix = name.removesuffix(".weight")
        if len(shape) == 2 and is_quantizable(name):
            ours, theirs = stored.stored_matrix(matrix), made.stored_matrix(matrix)
            assert isinstance(ours, Quantized)
            assert isinstance(theirs, Quantized)
            assert (ours.bits, ours.group) == (theirs.bits, theirs.group) == (bits, 64)
            pairs = list(zip(ours.arrays, theirs.arrays, strict=True))
        elif name.endswith("patch_embedding.weight"):
            pairs = [(stored.patches().weight, made.patches().weight)]
        else:
            pairs = [(stored.vector(name), made.vector(name))]
        assert all(mx.array_equal(ours, theirs) for ours, theirs in pairs), name
        compared += len(pairs)
    assert compared > len(architecture.shapes()), "quantized ones have three parts"
    size = (tmp_path / "model.safetensors").stat().st_size
    assert size < (0.75 if bits == 8 else 0.55) * (DEMO / "model.safetensors").stat().st_size


def test_a_stored_model_runs_as_the_one_that_is_quantized_at_load(tmp_path: Path) -> None:
    write_quantized(DEMO, tmp_path, 8)
    scores = []
    for folder, bits in ((tmp_path, None), (DEMO, 8)):
        runner = MlxRunner.from_folder(folder, CPU, mx.float32, bits=bits)
        assert runner.dtype_name == "int8"
        slot = runner.add([1, 7, 8, 9], (), 32)
        scores.append(runner.on_host(runner.prefill_scores([(slot, 4)])))
    assert np.array_equal(scores[0], scores[1])


def test_weights_are_not_overwritten_and_not_quantized_twice(tmp_path: Path) -> None:
    write_quantized(DEMO, tmp_path / "once", 8)
    with pytest.raises(SmolwatchError, match="holds weights already"):
        write_quantized(DEMO, tmp_path / "once", 8)
    with pytest.raises(ModelUnavailableError, match="quantized already"):
        write_quantized(tmp_path / "once", tmp_path / "twice", 4)


def broken_copy(folder: Path, *, drop: str = "", config: dict[str, object] | None = None) -> Path:
    shutil.copytree(DEMO, folder)
    if drop:
        tensors = read_tensors(folder)
        del tensors[drop]
        mx.save_safetensors(str(folder / "model.safetensors"), tensors, {"format": "pt"})
    if config is not None:
        (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_a_missing_tensor_is_an_error(tmp_path: Path) -> None:
    folder = broken_copy(tmp_path / "broken", drop="lm_head.weight")
    with pytest.raises(ModelUnavailableError, match=r"missing: lm_head\.weight"):
        MlxRunner.from_folder(folder, CPU, mx.float32)


def test_a_damaged_file_is_an_error(tmp_path: Path) -> None:
    folder = broken_copy(tmp_path / "broken")
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:5000])
    with pytest.raises(ModelUnavailableError, match="cannot be loaded"):
        MlxRunner.from_folder(folder, CPU, mx.float32)


def test_the_rope_base_is_read_from_both_layouts_and_never_guessed(tmp_path: Path) -> None:
    config = json.loads((DEMO / "config.json").read_text())
    text = config["text_config"]
    base = text.pop("rope_parameters")["rope_theta"]
    flat = config | {"text_config": text | {"rope_theta": base}}
    assert read_architecture(broken_copy(tmp_path / "flat", config=flat)) == read_architecture(DEMO)
    with pytest.raises(ModelUnavailableError, match="lacks or misstates 'rope_theta'"):
        read_architecture(broken_copy(tmp_path / "without", config=config))
    scaled = config | {"text_config": text | {"rope_parameters": {"rope_type": "yarn", "rope_theta": base}}}
    with pytest.raises(ModelUnavailableError, match="rope_type: yarn"):
        read_architecture(broken_copy(tmp_path / "scaled", config=scaled))


def test_a_tensor_of_another_shape_is_an_error(tmp_path: Path) -> None:
    config = json.loads((DEMO / "config.json").read_text())
    config["text_config"]["intermediate_size"] = 500
    folder = broken_copy(tmp_path / "broken", config=config)
    with pytest.raises(ModelUnavailableError, match="has the shape"):
        MlxRunner.from_folder(folder, CPU, mx.float32)
