"""What the vision tower asks of a device: only operations that young devices compute right."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.overrides import TorchFunctionMode

from daemon.inference.torch.model_runner import TorchRunner
from tests.support.checkpoints import write_tiny_checkpoint

CPU, F32 = torch.device("cpu"), torch.float32


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_checkpoint(tmp_path_factory.mktemp("tiny"))


class Calls(TorchFunctionMode):
    """Notes every function of torch that is called, with the dimensions of its first argument."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[tuple[str, int]] = []

    def __torch_function__(
        self, func: Any, types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        first = args[0] if args else None
        self.made.append((getattr(func, "__name__", ""), first.dim() if isinstance(first, torch.Tensor) else 0))
        called: Callable[..., Any] = func
        return called(*args, **(kwargs or {}))


@pytest.mark.parametrize("count", [1, 3])
def test_only_matrices_are_multiplied_and_no_position_is_computed(checkpoint: Path, count: int) -> None:
    runner = TorchRunner.from_folder(checkpoint, CPU, F32)
    with Calls() as calls:
        runner.encode_images(list(np.zeros((count, 3, 64, 64), np.float32)))
    products = {dimensions for name, dimensions in calls.made if name == "linear"}
    assert products == {2}
    assert not {"conv2d", "bucketize"} & {name for name, _ in calls.made}
