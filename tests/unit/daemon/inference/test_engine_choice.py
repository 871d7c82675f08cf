"""What "auto" is on which machine, and that the reason is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from daemon.errors import EngineError
from daemon.inference.engine_choice import AutoLoader, reason_against_mlx
from daemon.inference.runner_loader import LoadedRunner
from daemon.inference.smolvlm.checkpoint import ModelSpec, read_spec
from daemon.inference.weights.sources import DEMO


class Loader:
    def __init__(self, name: str, error: Exception | None = None) -> None:
        self.engine_name, self._error = name, error

    def load(self, folder: Path, spec: ModelSpec, max_sequences: int) -> LoadedRunner[Any]:
        if self._error is not None:
            raise self._error
        runner: Any = self.engine_name
        return LoadedRunner(runner, max_sequences, ("its own note",))


def loaded(loader: AutoLoader) -> tuple[str, str, tuple[str, ...]]:
    found = loader.load(DEMO, read_spec(DEMO), 4)
    runner: Any = found.runner
    return loader.engine_name, runner, found.notes


def test_mlx_is_tried_on_apple_silicon_alone() -> None:
    def reason(device: str = "auto", system: str = "Darwin", machine: str = "arm64", here: bool = True) -> str | None:
        return reason_against_mlx(device, system=system, machine=machine, is_installed=lambda: here)

    assert reason() is reason("mps") is None
    assert reason("cpu") == "the device is set to cpu"
    assert reason(system="Linux") == reason(machine="x86_64") == "this is not a Mac with Apple silicon"
    assert reason(here=False) == "it is not installed"


def test_the_engine_that_is_used_is_told_with_its_reason() -> None:
    auto = AutoLoader(lambda: Loader("mlx"), lambda: Loader("torch"), against_mlx=None)
    assert loaded(auto) == ("mlx", "mlx", ("Engine: MLX; it passed its check on this Apple GPU.", "its own note"))
    auto = AutoLoader(lambda: Loader("mlx"), lambda: Loader("torch"), against_mlx="it is not installed")
    assert loaded(auto) == ("torch", "torch", ("Engine: PyTorch; not MLX: it is not installed.", "its own note"))


@pytest.mark.parametrize("error", [EngineError("MLX computes wrong on this GPU: x."), ImportError("no symbol")])
def test_a_gpu_that_fails_the_check_is_left_to_pytorch(error: Exception) -> None:
    auto = AutoLoader(lambda: Loader("mlx", error), lambda: Loader("torch"), against_mlx=None)
    engine, _, notes = loaded(auto)
    assert engine == "torch"
    assert str(error).rstrip(".") in notes[0]
