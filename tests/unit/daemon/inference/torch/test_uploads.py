"""How often a step copies numbers to the device: an Apple GPU finishes its queue before each copy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import pytest
import torch
from torch.overrides import TorchFunctionMode

from daemon.inference.torch.model_runner import TorchRunner
from tests.support.checkpoints import write_tiny_checkpoint

CAPACITIES = (32, 64, 128)


class Uploads(TorchFunctionMode):
    """Counts what would have to be copied to a GPU: tensors made of Python numbers, and lists that index a tensor.

    A mask that indexes one counts too: how many places it has must be read back before anything goes on.
    """

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_function__(
        self, func: Any, types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        name = getattr(func, "__name__", "")
        index = args[1] if name in {"__getitem__", "__setitem__"} else None
        parts = index if isinstance(index, tuple) else (index,)
        self.count += name in {"tensor", "as_tensor"} or any(map(must_be_copied, parts))
        called: Callable[..., Any] = func
        return called(*args, **(kwargs or {}))


def must_be_copied(index: object) -> bool:
    return isinstance(index, list) or (isinstance(index, torch.Tensor) and index.dtype is torch.bool)


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> TorchRunner:
    folder = write_tiny_checkpoint(tmp_path_factory.mktemp("tiny"))
    return TorchRunner.from_folder(folder, torch.device("cpu"), torch.float32)


@pytest.fixture
def rows(runner: TorchRunner) -> Iterator[list[int]]:
    """Two rows in each of several buckets, in an order that is not that of the buckets."""
    added = [
        runner.add(range(7, 7 + 3 + number), (), capacity)
        for number, capacity in enumerate((*CAPACITIES, *reversed(CAPACITIES)))
    ]
    yield added
    for row in added:
        runner.free(row)


def test_a_step_over_many_buckets_copies_its_numbers_once(runner: TorchRunner, rows: list[int]) -> None:
    with Uploads() as prefill:
        runner.prefill([(row, 3 + number) for number, row in enumerate(rows)])
    with Uploads() as decode:
        runner.decode(rows, [9] * len(rows))
    assert (prefill.count, decode.count) == (1, 1)


def test_decoding_some_rows_of_every_bucket_takes_one_copy(runner: TorchRunner, rows: list[int]) -> None:
    runner.prefill([(row, 3 + number) for number, row in enumerate(rows)])
    with Uploads() as decode:
        runner.decode(rows[:4], [9] * 4)
    assert decode.count == 1


def test_a_prompt_with_pictures_takes_one_copy(runner: TorchRunner) -> None:
    noise = torch.rand(3, 64, 64).numpy()
    features = runner.encode_images([noise])
    ids = [1, *[runner._image_id] * len(features[0]), 9, 10]
    with Uploads() as add:
        row = runner.add(ids, features, 256)
    assert add.count == 1
    runner.free(row)
