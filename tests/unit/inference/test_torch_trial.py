"""A device is tried before it is trusted: wrong kernels are found out, and left out one after the other."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from daemon.errors import EngineError
from daemon.inference.torch_attention import Kernel, fused, plain
from daemon.inference.torch_runner import TorchRunner
from daemon.inference.torch_trial import Rung, Shown, judge, off, rungs, show, sound_runner
from tests.contracts.test_engine import torch_engine
from tests.fakes.checkpoints import write_tiny_checkpoint

CPU, F32, BF16 = torch.device("cpu"), torch.float32, torch.bfloat16
Show = Callable[[TorchRunner], Shown]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_checkpoint(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def tried(checkpoint: Path) -> Show:
    engine = torch_engine(checkpoint)
    engine.load()
    return partial(show, tile=engine._processor.tile, image_id=engine._processor.image_id)


@pytest.fixture(scope="module")
def truth(checkpoint: Path, tried: Show) -> Shown:
    return tried(TorchRunner.from_folder(checkpoint, CPU, F32))


def with_one_mask(
    query: Tensor, key: Tensor, value: Tensor, *, attn_mask: Tensor | None = None, **kwargs: Any
) -> Tensor:
    """A kernel that heeds one row's mask in all rows, which is wrong where rows of unlike length are together."""
    if attn_mask is not None and attn_mask.dim() == 4:
        attn_mask = attn_mask[:1]
    return fused(query, key, value, attn_mask=attn_mask, **kwargs)


def without_masks(query: Tensor, key: Tensor, value: Tensor, **kwargs: Any) -> Tensor:
    """A kernel as it was seen on a young device: it heeds no mask."""
    return fused(query, key, value, **{**kwargs, "attn_mask": None})


def broken(query: Tensor, key: Tensor, value: Tensor, **_: object) -> Tensor:
    return torch.full_like(query, torch.nan)


def missing(query: Tensor, key: Tensor, value: Tensor, **_: object) -> Tensor:
    raise NotImplementedError("The operator is not implemented for this device.")


@pytest.mark.parametrize("kernel", [fused, plain])
@pytest.mark.parametrize("dtype", [F32, BF16])
def test_a_sound_device_passes(checkpoint: Path, tried: Show, truth: Shown, kernel: Kernel, dtype: torch.dtype) -> None:
    way = Rung(kernel, dtype, 8, "")
    assert judge(tried(TorchRunner.from_folder(checkpoint, CPU, dtype, kernel=kernel)), truth, way) is None


def test_a_trial_leaves_no_row_behind(checkpoint: Path, tried: Show) -> None:
    runner = TorchRunner.from_folder(checkpoint, CPU, F32)
    tried(runner)
    assert not runner._cache._rows


def test_answers_that_differ_among_others_are_found_out(checkpoint: Path, tried: Show, truth: Shown) -> None:
    found = tried(TorchRunner.from_folder(checkpoint, CPU, F32, kernel=with_one_mask))
    trouble = judge(found, truth, Rung(with_one_mask, F32, 8, ""))
    assert trouble is not None and "together" in trouble
    assert judge(found, truth, Rung(with_one_mask, F32, 1, "")) is None, "one at a time it is sound"


def test_what_is_not_a_number_is_endlessly_far_off() -> None:
    assert off(torch.tensor([[1.0, torch.nan]]), torch.tensor([[1.0, 2.0]])) == torch.inf


def test_ways_are_tried_from_the_fastest_to_the_surest() -> None:
    assert [(way.kernel, way.dtype, way.rows) for way in rungs(BF16, 32)] == [
        (fused, BF16, 32),
        (plain, BF16, 32),
        (plain, F32, 32),
        (plain, F32, 1),
    ]
    assert [(way.kernel, way.rows) for way in rungs(F32, 32)] == [(fused, 32), (plain, 32), (plain, 1)]


@pytest.mark.parametrize("bad", [broken, missing, without_masks, with_one_mask])
def test_a_bad_kernel_is_left_out_and_the_reason_told(checkpoint: Path, tried: Show, bad: Kernel) -> None:
    ways = [Rung(bad, F32, 8, "its own attention"), Rung(plain, F32, 8, "plain attention")]
    runner, way, notes = sound_runner(checkpoint, CPU, ways, tried)
    assert way is ways[1]
    assert [note.partition(":")[0] for note in notes] == ["With its own attention"]
    assert runner.dtype is F32


def test_where_only_single_answers_are_sound_one_is_written_at_a_time(checkpoint: Path, tried: Show) -> None:
    ways = [Rung(with_one_mask, way.dtype, way.rows, way.words) for way in rungs(F32, 8)]
    assert sound_runner(checkpoint, CPU, ways, tried)[1].rows == 1


def test_a_device_on_which_nothing_is_sound_is_refused(checkpoint: Path, tried: Show) -> None:
    ways = [Rung(broken, way.dtype, way.rows, way.words) for way in rungs(BF16, 8)]
    with pytest.raises(EngineError, match="one answer at a time") as caught:
        sound_runner(checkpoint, CPU, ways, tried)
    assert "model.device" in caught.value.advice
