"""A device is tried before it is trusted: wrong kernels are found out, and left out one after the other."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from daemon.errors import EngineError
from daemon.inference.device_check_inputs import MANY_KEYS, CheckedRunner, CheckInputs, SingleResults
from daemon.inference.device_faults import relative_error
from daemon.inference.device_verdicts import DeviceVerdict, DeviceVerdicts, key_of
from daemon.inference.smolvlm.checkpoint import read_spec
from daemon.inference.torch.attention import AttentionKernel, DecodeAttention, fused, plain
from daemon.inference.torch.device_check import RunMode, checked_runner, find_fault, run_modes
from daemon.inference.torch.model_runner import TorchRunner
from daemon.inference.torch.sampler import Sampler
from daemon.inference.weights.sources import DEMO
from tests.support.checkpoints import write_tiny_checkpoint

CPU, F32, BF16 = torch.device("cpu"), torch.float32, torch.bfloat16


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_checkpoint(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def inputs(checkpoint: Path) -> CheckInputs:
    return probe_of(checkpoint)


def probe_of(folder: Path) -> CheckInputs:
    spec = read_spec(folder)
    return CheckInputs(tile=spec.tile, image_id=spec.image_id, context=spec.context)


@pytest.fixture(scope="module")
def expected(checkpoint: Path, inputs: CheckInputs) -> SingleResults:
    return inputs.run_single(TorchRunner.from_folder(checkpoint, CPU, F32))


def trouble_with(runner: TorchRunner, inputs: CheckInputs, expected: SingleResults, *, rows: int = 8) -> str | None:
    mode = RunMode(plain, runner.dtype, rows, "")
    return find_fault(inputs.run_single(runner), inputs.run_batch(runner), expected, mode)


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
def test_a_sound_device_passes(
    checkpoint: Path, inputs: CheckInputs, expected: SingleResults, kernel: AttentionKernel, dtype: torch.dtype
) -> None:
    runner = TorchRunner.from_folder(checkpoint, CPU, dtype, kernel=kernel)
    assert trouble_with(runner, inputs, expected) is None


def test_a_trial_leaves_no_row_behind(checkpoint: Path, inputs: CheckInputs) -> None:
    runner = TorchRunner.from_folder(checkpoint, CPU, F32)
    inputs.run_single(runner)
    inputs.run_batch(runner)
    assert not runner._cache._slots_by_id


def test_answers_that_differ_among_others_are_found_out(
    checkpoint: Path, inputs: CheckInputs, expected: SingleResults
) -> None:
    runner = TorchRunner.from_folder(checkpoint, CPU, F32, kernel=with_one_mask)
    fault = trouble_with(runner, inputs, expected)
    assert fault is not None and "in a batch" in fault
    assert trouble_with(runner, inputs, expected, rows=1) is None, "one at a time it is sound"


def wrong_from_many_keys_on(query: Tensor, key: Tensor, value: Tensor, **more: Any) -> Tensor:
    """As mlx#4022 saw it: another kernel takes over from 1,024 keys on."""
    attended = fused(query, key, value, **more)
    return attended + 1 if key.shape[-2] >= MANY_KEYS else attended


def wrong_for_few_queries_in_the_second_row(query: Tensor, key: Tensor, value: Tensor, **more: Any) -> Tensor:
    """As pytorch#181133: written tokens of the rows after the first are mixed up."""
    attended = fused(query, key, value, **more)
    if query.shape[-2] <= 8 and len(attended) > 1:
        attended = torch.cat([attended[:1], attended[1:].flip(1)])
    return attended


def second_tile_wrong(runner: TorchRunner) -> None:
    see = runner._vision

    def wrong(pixels: Tensor) -> Tensor:
        return torch.cat([see(pixels)[:1], see(pixels)[1:] + 0.5])

    runner._vision = wrong  # type: ignore[assignment]


def patches_one_too_low(runner: TorchRunner) -> None:
    patches = runner._vision._patches
    patches._positions = patches._positions.roll(1, 0)


def token_is_always_the_first(runner: TorchRunner) -> None:
    sampler = runner._sampler
    sampler.__class__ = AlwaysFirst


class AlwaysFirst(Sampler):
    def __call__(self, slot_ids: Sequence[int], scores: Tensor, positions: Sequence[int]) -> list[int]:
        return [0] * len(slot_ids)


def positions_wrong_from_300_on(runner: TorchRunner) -> None:
    """A device's cosine that is wrong for large angles."""
    runner._text.cos[300:] = 1.0


def a_bias_is_left_out(runner: TorchRunner) -> None:
    """As pytorch#192934: a product of the vision tower without its bias."""
    patches = runner._vision._patches
    embed = patches._embed
    patches._embed = lambda given: embed(given) - embed(torch.zeros_like(given[:1]))


def rows_that_take_no_token_spoil_the_others(runner: TorchRunner) -> None:
    """A step in which some rows of a bucket take no token writes into the wrong slots."""
    write = runner._text

    def wrong(hidden: Tensor, positions: Tensor, attention: Any, wanted: Any = slice(None)) -> Tensor:
        if isinstance(attention, DecodeAttention):
            for bucket in attention.buckets:
                if not bucket.is_full:
                    bucket.slot_indices = bucket.slot_indices.flip(0) * 0
        return write(hidden, positions, attention, wanted)

    wrong.scores, wrong.embed, wrong.cache_shape = write.scores, write.embed, write.cache_shape  # type: ignore[attr-defined]
    runner._text = wrong  # type: ignore[assignment]


KERNELS = [wrong_from_many_keys_on, wrong_for_few_queries_in_the_second_row]
PLANTED = [
    second_tile_wrong,
    patches_one_too_low,
    token_is_always_the_first,
    positions_wrong_from_300_on,
    a_bias_is_left_out,
    rows_that_take_no_token_spoil_the_others,
]


@pytest.fixture(scope="module")
def sound() -> SingleResults:
    """Of trained weights: how far rounding takes them is what a threshold must allow."""
    return probe_of(DEMO).run_single(TorchRunner.from_folder(DEMO, CPU, F32))


@pytest.mark.parametrize("dtype", [F32, BF16])
@pytest.mark.parametrize("kernel", KERNELS)
def test_a_kernel_that_is_wrong_for_some_shapes_is_found_out(
    sound: SingleResults, kernel: AttentionKernel, dtype: torch.dtype
) -> None:
    runner = TorchRunner.from_folder(DEMO, CPU, dtype, kernel=kernel)
    assert trouble_with(runner, probe_of(DEMO), sound) is not None


@pytest.mark.parametrize("dtype", [F32, BF16])
@pytest.mark.parametrize("plant", PLANTED)
def test_a_fault_outside_the_kernel_is_found_out(
    sound: SingleResults, plant: Callable[[TorchRunner], None], dtype: torch.dtype
) -> None:
    runner = TorchRunner.from_folder(DEMO, CPU, dtype, kernel=plain)
    with torch.inference_mode():
        plant(runner)
        assert trouble_with(runner, probe_of(DEMO), sound) is not None


@pytest.mark.parametrize("kernel", [fused, plain])
@pytest.mark.parametrize("dtype", [F32, BF16])
def test_trained_weights_pass_on_a_sound_device(
    sound: SingleResults, kernel: AttentionKernel, dtype: torch.dtype
) -> None:
    runner = TorchRunner.from_folder(DEMO, CPU, dtype, kernel=kernel)
    assert trouble_with(runner, probe_of(DEMO), sound) is None


def test_what_is_not_a_number_is_endlessly_far_off() -> None:
    assert relative_error(np.array([[1.0, np.nan]], np.float32), np.array([[1.0, 2.0]], np.float32)) == np.inf


def test_ways_are_tried_from_the_fastest_to_the_surest() -> None:
    assert [(mode.kernel, mode.dtype, mode.rows) for mode in run_modes(BF16, 32)] == [
        (fused, BF16, 32),
        (plain, BF16, 32),
        (plain, F32, 32),
        (plain, F32, 1),
    ]
    assert [(mode.kernel, mode.rows) for mode in run_modes(F32, 32)] == [(fused, 32), (plain, 32), (plain, 1)]


@pytest.mark.parametrize("bad", [broken, missing, without_masks, with_one_mask])
def test_a_bad_kernel_is_not_used_and_the_reason_is_reported(
    checkpoint: Path, inputs: CheckInputs, bad: AttentionKernel
) -> None:
    modes = [RunMode(bad, F32, 8, "its own attention"), RunMode(plain, F32, 8, "plain attention")]
    runner, mode, notes = checked_runner(checkpoint, CPU, modes, inputs)
    assert mode is modes[1]
    assert [note.partition(":")[0] for note in notes] == ["With its own attention"]
    assert runner.dtype is F32


def test_where_only_single_answers_are_sound_one_is_written_at_a_time(checkpoint: Path, inputs: CheckInputs) -> None:
    modes = [RunMode(with_one_mask, mode.dtype, mode.rows, mode.label) for mode in run_modes(F32, 8)]
    assert checked_runner(checkpoint, CPU, modes, inputs)[1].rows == 1


def test_a_device_on_which_nothing_is_sound_is_refused(checkpoint: Path, inputs: CheckInputs) -> None:
    modes = [RunMode(broken, mode.dtype, mode.rows, mode.label) for mode in run_modes(BF16, 8)]
    with pytest.raises(EngineError, match="one answer at a time") as caught:
        checked_runner(checkpoint, CPU, modes, inputs)
    assert "model.device" in caught.value.advice


class Unused(CheckInputs):
    def run_single(self, runner: CheckedRunner) -> SingleResults:
        raise AssertionError("the device was tried")


def test_a_verdict_is_kept_for_these_weights_and_spares_the_next_trial(
    checkpoint: Path, inputs: CheckInputs, tmp_path: Path
) -> None:
    verdicts = DeviceVerdicts(tmp_path / "device.json")
    modes = [RunMode(broken, F32, 8, "its own attention"), RunMode(plain, F32, 8, "plain attention")]
    _, _, notes = checked_runner(checkpoint, CPU, modes, inputs, verdicts)
    unused = Unused(tile=inputs.tile, image_id=inputs.image_id, context=inputs.context)
    runner, mode, stored = checked_runner(checkpoint, CPU, modes, unused, verdicts)
    assert (mode, stored) == (modes[1], notes)
    assert runner.prefill([(runner.add([1, 2], (), 256), 2)])
    other = write_tiny_checkpoint(tmp_path / "other", seed=1)
    with pytest.raises(AssertionError, match="was tried"):
        checked_runner(other, CPU, modes, unused, verdicts)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"key": 1}', b'{"key": "k"}', b'{"key": "k", "notes": 7}'])
def test_a_verdict_that_cannot_be_read_is_none(tmp_path: Path, content: bytes) -> None:
    verdicts = DeviceVerdicts(tmp_path / "device.json")
    assert verdicts.find("k") is None
    verdicts.file.write_bytes(content)
    assert verdicts.find("k") is None
    verdicts.keep("k", DeviceVerdict("plain attention", ("With …",)))
    assert verdicts.find("k") == DeviceVerdict("plain attention", ("With …",))
    assert verdicts.find("another") is None


def test_what_a_verdict_depends_on_makes_its_key(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {
        key_of("1", "cpu", "f32", folder=checkpoint, chip=lambda: "M1"),
        key_of("1", "cpu", "f32", folder=checkpoint, chip=lambda: "M2"),
    }
    keys.add(key_of("1", "cpu", "bf16", folder=checkpoint, chip=lambda: "M1"))
    monkeypatch.setattr(torch, "__version__", "2.99")
    keys.add(key_of("1", "cpu", "f32", folder=checkpoint, chip=lambda: "M1"))
    monkeypatch.setattr(platform, "version", lambda: "another build")
    keys.add(key_of("1", "cpu", "f32", folder=checkpoint, chip=lambda: "M1"))
    assert len(keys) == 5
