"""Loading a checkpoint for torch: device, precision, threads, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from config.errors import ModelUnavailableError
from daemon.errors import EngineError
from daemon.inference.batch_engine import BatchEngine
from daemon.inference.torch.devices import has_int8
from daemon.inference.torch.loader import TorchLoader
from daemon.inference.weights.sources import ModelFolder
from tests.contracts.test_engine import picture, replies, torch_engine, video
from tests.support.checkpoints import write_tiny_checkpoint

REQUESTS = [picture("a"), video("b", 3), picture("c")]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_checkpoint(tmp_path_factory.mktemp("tiny"))


def test_the_notes_have_the_number_of_threads(checkpoint: Path) -> None:
    engine = torch_engine(checkpoint)
    assert engine.load().notes == ("Threads: 1.",)
    engine.close()
    measured = BatchEngine(ModelFolder(checkpoint, "tiny", "1"), TorchLoader(device="cpu", precision="f32"))
    assert measured.load().notes == ("Threads: 1; set by OMP_NUM_THREADS.",)
    measured.close()


def test_incomplete_weights_are_refused(tmp_path: Path) -> None:
    """transformers would fill the gap with random numbers, and descriptions would be nonsense."""
    folder = write_tiny_checkpoint(tmp_path)
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    del tensors["lm_head.weight"]
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelUnavailableError, match=r"missing keys: lm_head\.weight"):
        torch_engine(folder).load()


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    folder = write_tiny_checkpoint(tmp_path)
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:5000])
    with pytest.raises(ModelUnavailableError, match="cannot be loaded"):
        torch_engine(folder).load()


def test_weights_that_are_quantized_for_mlx_are_refused_with_the_engine_for_them(tmp_path: Path) -> None:
    folder = write_tiny_checkpoint(tmp_path)
    config = json.loads((folder / "config.json").read_text())
    quantization = {"group_size": 64, "bits": 8, "mode": "affine"}
    (folder / "config.json").write_text(json.dumps(config | {"quantization": quantization}))
    with pytest.raises(ModelUnavailableError, match="quantized for MLX") as caught:
        torch_engine(folder).load()
    assert "--engine mlx" in caught.value.advice


def test_another_family_s_checkpoint_is_refused(tmp_path: Path) -> None:
    folder = write_tiny_checkpoint(tmp_path)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "llava"}))
    with pytest.raises(ModelUnavailableError, match=r"config\.json is of a llava model"):
        torch_engine(folder).load()


@pytest.fixture
def gpu_that_cannot_compute(monkeypatch: pytest.MonkeyPatch) -> None:
    """An Apple GPU that torch reports as available; every use raises a RuntimeError."""
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.mps, "empty_cache", lambda: None)


@pytest.mark.usefixtures("gpu_that_cannot_compute")
def test_with_the_device_auto_a_gpu_that_fails_its_check_is_replaced_by_the_cpu(checkpoint: Path) -> None:
    engine = torch_engine(checkpoint, device="auto")
    info = engine.load()
    assert (info.device, info.dtype, info.rows) == ("cpu", "float32", 4)
    assert info.notes[0].startswith("The Apple GPU computes this model wrong.")
    assert info.notes[0].endswith("The CPU is used.")
    assert {reply.id for reply in replies(engine, REQUESTS)} == {request.id for request in REQUESTS}
    engine.close()


@pytest.mark.usefixtures("gpu_that_cannot_compute")
def test_a_chosen_device_is_not_replaced(checkpoint: Path) -> None:
    with pytest.raises(EngineError, match="The Apple GPU computes this model wrong") as caught:
        torch_engine(checkpoint, device="mps").load()
    assert caught.value.advice == "Set model.device to cpu."


@pytest.mark.skipif(not has_int8(torch.device("cpu")), reason="this processor has no VNNI instructions")
def test_in_8_bits_an_answer_is_the_same_singly_and_in_a_batch(checkpoint: Path) -> None:
    alone: dict[str, object] = {}
    for request in REQUESTS:
        single = torch_engine(checkpoint, rows=1, precision="int8")
        assert single.load().dtype == "int8"
        alone |= {reply.id: reply.answers for reply in replies(single, [request])}
        single.close()
    together = torch_engine(checkpoint, rows=6, precision="int8")
    together.load()
    assert {reply.id: reply.answers for reply in replies(together, REQUESTS)} == alone
    together.close()
