"""A device is tried before it is trusted: wrong kernels are found out, and left out one after the other."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from daemon.errors import EngineError
from daemon.inference.smolvlm.checkpoint import read_plan
from daemon.inference.torch.attention import AttentionKernel, DecodeAttention, fused, plain
from daemon.inference.torch.device_check import RunMode, checked_runner, judge, off, run_modes
from daemon.inference.torch.device_check_inputs import MANY_KEYS, CheckInputs, SingleResults
from daemon.inference.torch.device_verdicts import DeviceVerdict, DeviceVerdicts, key_of
from daemon.inference.torch.model_runner import TorchRunner
from daemon.inference.torch.sampler import Sampler
from daemon.inference.weights.sources import DEMO
from tests.support.checkpoints import write_tiny_checkpoint

CPU, F32, BF16 = torch.device("cpu"), torch.float32, torch.bfloat16


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_checkpoint(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def probe(checkpoint: Path) -> CheckInputs:
    return probe_of(checkpoint)


def probe_of(folder: Path) -> CheckInputs:
    plan = read_plan(folder)
    return CheckInputs(tile=plan.tile, image_id=plan.image_id, context=plan.context)


@pytest.fixture(scope="module")
def truth(checkpoint: Path, probe: CheckInputs) -> SingleResults:
    return probe.alone(TorchRunner.from_folder(checkpoint, CPU, F32))


def trouble_with(runner: TorchRunner, probe: CheckInputs, truth: SingleResults, *, rows: int = 8) -> str | None:
    way = RunMode(plain, runner.dtype, rows, "")
    return judge(probe.alone(runner), probe.together(runner), truth, way)


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
    checkpoint: Path, probe: CheckInputs, truth: SingleResults, kernel: AttentionKernel, dtype: torch.dtype
) -> None:
    runner = TorchRunner.from_folder(checkpoint, CPU, dtype, kernel=kernel)
    assert trouble_with(runner, probe, truth) is None


def test_a_trial_leaves_no_row_behind(checkpoint: Path, probe: CheckInputs) -> None:
    runner = TorchRunner.from_folder(checkpoint, CPU, F32)
    probe.alone(runner)
    probe.together(runner)
    assert not runner._cache._slots_by_id


def test_answers_that_differ_among_others_are_found_out(
    checkpoint: Path, probe: CheckInputs, truth: SingleResults
) -> None:
    runner = TorchRunner.from_folder(checkpoint, CPU, F32, kernel=with_one_mask)
    trouble = trouble_with(runner, probe, truth)
    assert trouble is not None and "together" in trouble
    assert trouble_with(runner, probe, truth, rows=1) is None, "one at a time it is sound"


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
    choosing = runner._sampler
    choosing.__class__ = AlwaysFirst


class AlwaysFirst(Sampler):
    def __call__(self, rows: Sequence[int], scores: Tensor) -> list[int]:
        return [0] * len(rows)


def positions_wrong_from_300_on(runner: TorchRunner) -> None:
    """A device's cosine that is wrong for large angles."""
    runner._text.cos[300:] = 1.0


def a_bias_is_left_out(runner: TorchRunner) -> None:
    """As pytorch#192934: a product of the vision tower without its bias."""
    patches = runner._vision._patches
    embed = patches._embed
    patches._embed = lambda given: embed(given) - embed(torch.zeros_like(given[:1]))


def rows_that_take_no_token_spoil_the_others(runner: TorchRunner) -> None:
    """A step in which some rows of a shelf take no token writes into the wrong slots."""
    write = runner._text

    def wrong(hidden: Tensor, positions: Tensor, attention: Any, wanted: Any = slice(None)) -> Tensor:
        if isinstance(attention, DecodeAttention):
            for bucket in attention.buckets:
                if not bucket.is_full:
                    bucket.slots = bucket.slots.flip(0) * 0
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
    return probe_of(DEMO).alone(TorchRunner.from_folder(DEMO, CPU, F32))


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
    assert off(torch.tensor([[1.0, torch.nan]]), torch.tensor([[1.0, 2.0]])) == torch.inf


def test_ways_are_tried_from_the_fastest_to_the_surest() -> None:
    assert [(way.kernel, way.dtype, way.rows) for way in run_modes(BF16, 32)] == [
        (fused, BF16, 32),
        (plain, BF16, 32),
        (plain, F32, 32),
        (plain, F32, 1),
    ]
    assert [(way.kernel, way.rows) for way in run_modes(F32, 32)] == [(fused, 32), (plain, 32), (plain, 1)]


@pytest.mark.parametrize("bad", [broken, missing, without_masks, with_one_mask])
def test_a_bad_kernel_is_left_out_and_the_reason_told(
    checkpoint: Path, probe: CheckInputs, bad: AttentionKernel
) -> None:
    ways = [RunMode(bad, F32, 8, "its own attention"), RunMode(plain, F32, 8, "plain attention")]
    runner, way, notes = checked_runner(checkpoint, CPU, ways, probe)
    assert way is ways[1]
    assert [note.partition(":")[0] for note in notes] == ["With its own attention"]
    assert runner.dtype is F32


def test_where_only_single_answers_are_sound_one_is_written_at_a_time(checkpoint: Path, probe: CheckInputs) -> None:
    ways = [RunMode(with_one_mask, way.dtype, way.rows, way.words) for way in run_modes(F32, 8)]
    assert checked_runner(checkpoint, CPU, ways, probe)[1].rows == 1


def test_a_device_on_which_nothing_is_sound_is_refused(checkpoint: Path, probe: CheckInputs) -> None:
    ways = [RunMode(broken, way.dtype, way.rows, way.words) for way in run_modes(BF16, 8)]
    with pytest.raises(EngineError, match="one answer at a time") as caught:
        checked_runner(checkpoint, CPU, ways, probe)
    assert "model.device" in caught.value.advice


class Unused(CheckInputs):
    def alone(self, runner: TorchRunner) -> SingleResults:
        raise AssertionError("the device was tried")


def test_a_verdict_is_kept_for_these_weights_and_spares_the_next_trial(
    checkpoint: Path, probe: CheckInputs, tmp_path: Path
) -> None:
    verdicts = DeviceVerdicts(tmp_path / "device.json")
    ways = [RunMode(broken, F32, 8, "its own attention"), RunMode(plain, F32, 8, "plain attention")]
    _, _, notes = checked_runner(checkpoint, CPU, ways, probe, verdicts)
    unused = Unused(tile=probe.tile, image_id=probe.image_id, context=probe.context)
    runner, way, kept = checked_runner(checkpoint, CPU, ways, unused, verdicts)
    assert (way, kept) == (ways[1], notes)
    assert runner.prefill([(runner.add([1, 2], (), 256), 2)])
    other = write_tiny_checkpoint(tmp_path / "other", seed=1)
    with pytest.raises(AssertionError, match="was tried"):
        checked_runner(other, CPU, ways, unused, verdicts)


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
    keys = {key_of(checkpoint, CPU, F32, chip=lambda: "M1"), key_of(checkpoint, CPU, F32, chip=lambda: "M2")}
    keys.add(key_of(checkpoint, CPU, BF16, chip=lambda: "M1"))
    monkeypatch.setattr(torch, "__version__", "2.99")
    keys.add(key_of(checkpoint, CPU, F32, chip=lambda: "M1"))
    monkeypatch.setattr(platform, "version", lambda: "another build")
    keys.add(key_of(checkpoint, CPU, F32, chip=lambda: "M1"))
    assert len(keys) == 5
