"""Quantized weights: stored and read back they equal those that are quantized at load."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest

from config.errors import ModelUnavailableError, SmolwatchError
from daemon.inference.mlx.model_runner import MlxRunner
from daemon.inference.mlx.quantize import UNFINISHED, write_quantized
from daemon.inference.mlx.tensor_reader import read_tensors
from daemon.inference.smolvlm.architecture import read_architecture
from daemon.inference.smolvlm.checkpoint import missing_files
from daemon.inference.weights.sources import DEMO
from tests.support.disks import small_disk
from tests.support.quantized import check_stored

CPU = mx.Device(mx.cpu)


@pytest.mark.parametrize("bits", [8, 4])
def test_what_is_stored_is_read_back_bit_for_bit(tmp_path: Path, bits: int) -> None:
    write_quantized(DEMO, tmp_path, bits)
    check_stored(tmp_path, DEMO, bits)
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
    with pytest.raises(SmolwatchError, match=r"once holds model\.safetensors already"):
        write_quantized(DEMO, tmp_path / "once", 8)
    with pytest.raises(ModelUnavailableError, match="quantized already") as caught:
        write_quantized(tmp_path / "once", tmp_path / "twice", 4)
    assert "pull" not in caught.value.advice
    assert not (tmp_path / "twice").exists()


def test_a_file_of_the_same_name_in_the_folder_is_not_overwritten_either(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("mine")
    with pytest.raises(SmolwatchError, match=r"holds config\.json already"):
        write_quantized(DEMO, tmp_path, 8)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("config.json", "mine")]


def test_a_failure_leaves_nothing_behind_and_what_was_there_stays(tmp_path: Path) -> None:
    """A folder in the place of a file cannot be copied."""
    source = broken_copy(tmp_path / "source")
    (source / "vocabulary.json").mkdir()
    with pytest.raises(OSError, match=r"vocabulary\.json"):
        write_quantized(source, tmp_path / "new" / "target", 8)
    assert not (tmp_path / "new" / "target").exists()
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "notes.txt").write_text("mine")
    with pytest.raises(OSError, match=r"vocabulary\.json"):
        write_quantized(source, tmp_path / "old", 8)
    assert [file.name for file in (tmp_path / "old").iterdir()] == ["notes.txt"]


def test_a_full_disk_is_reported_with_its_folder_and_nothing_is_left(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 2_000_000) as disk:
        with pytest.raises(OSError, match="No space left") as caught:
            write_quantized(DEMO, disk / "target", 8)
        assert caught.value.filename == str(disk / "target")
        assert list(disk.iterdir()) == []


def test_what_a_killed_run_has_left_is_replaced(tmp_path: Path) -> None:
    left = tmp_path / "target" / UNFINISHED
    left.mkdir(parents=True)
    (left / "model.safetensors").write_bytes(b"half")
    write_quantized(DEMO, tmp_path / "target", 8)
    assert not left.exists()
    assert missing_files(tmp_path / "target") == []


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
