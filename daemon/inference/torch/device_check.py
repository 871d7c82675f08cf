"""Whether a device computes what a CPU does, alone and among others; and what is left out until it does."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from daemon.errors import EngineError
from daemon.inference.batch.runner_protocol import RunnerError
from daemon.inference.torch.attention import AttentionKernel, fused, plain
from daemon.inference.torch.device_check_inputs import BatchResults, CheckInputs, SingleResults
from daemon.inference.torch.device_verdicts import DeviceVerdict, DeviceVerdicts, key_of
from daemon.inference.torch.devices import NAMES, empty_cache
from daemon.inference.torch.kernel_check import kernel_error
from daemon.inference.torch.model_runner import TorchRunner

#: How far features and scores may be off, as a share of their spread. Rounding in bf16 takes features 0.005 (the demo
#: model) to 0.010 (random weights at full size), and scores 0.017; patches one position off, 0.14.
OFF_SEEN, OFF_THE_TRUTH = 0.05, 0.1
OFF_ALONE = {torch.bfloat16: 0.1, torch.float32: 0.005}
#: By how many standard deviations a chosen token's score may lie below the highest: rounding may turn near equals.
MISS = 0.25


@dataclass(frozen=True)
class RunMode:
    """A way to compute; the later, the slower and the surer."""

    kernel: AttentionKernel
    dtype: torch.dtype
    rows: int
    words: str


def run_modes(dtype: torch.dtype, rows: int) -> Iterator[RunMode]:
    """All ways from the fastest on, for a device that is to compute in `dtype` with so many `rows`."""
    yield RunMode(fused, dtype, rows, "its own attention")
    yield RunMode(plain, dtype, rows, "plain attention")
    if dtype is not torch.float32:
        yield RunMode(plain, torch.float32, rows, "plain attention in float32")
    yield RunMode(plain, torch.float32, 1, "plain attention in float32, one answer at a time")


def checked_runner(
    folder: Path,
    device: torch.device,
    ways: Sequence[RunMode],
    probe: CheckInputs,
    verdicts: DeviceVerdicts | None = None,
) -> tuple[TorchRunner, RunMode, tuple[str, ...]]:
    """The model on that device by the first way that computes soundly, and why the ways before it do not.

    The CPU in float32 is the truth. A verdict that `verdicts` has kept spares the trial. Raises EngineError when no way
    is sound, and ModelUnavailableError as loading does.
    """
    key = key_of(folder, device, ways[0].dtype)
    kept = verdicts.find(key) if verdicts else None
    for way in ways:
        if kept is not None and way.words == kept.way:
            return TorchRunner.from_folder(folder, device, way.dtype, kernel=way.kernel), way, kept.notes
    truth = probe.alone(TorchRunner.from_folder(folder, torch.device("cpu"), torch.float32))
    notes: list[str] = []
    for way in ways:
        try:
            trouble = kernel_error(way.kernel, device, way.dtype, rows=way.rows)
            if trouble is None:
                runner = TorchRunner.from_folder(folder, device, way.dtype, kernel=way.kernel)
                trouble = judge(probe.alone(runner), probe.together(runner), truth, way)
        except (RunnerError, RuntimeError) as error:  # the second: the weights do not fit on the device
            trouble = str(error).rstrip(".")
        empty_cache(device)
        if trouble is None:
            if verdicts is not None:
                verdicts.keep(key, DeviceVerdict(way.words, tuple(notes)))
            return runner, way, tuple(notes)
        notes.append(f"With {way.words}: {trouble}.")
    raise EngineError(
        f"The {NAMES[device.type]} computes this model wrong. {' '.join(notes)}", advice="Set model.device to cpu."
    )


def judge(alone: SingleResults, together: BatchResults, truth: SingleResults, way: RunMode) -> str | None:
    """What is wrong with a way, in words, or None. Pure."""
    if (far := off(alone.features, truth.features)) > OFF_SEEN:
        return f"what it sees in a tile is {far:.0%} off what a CPU sees"
    if (far := off(together.features, alone.features)) > min(OFF_SEEN, OFF_ALONE[way.dtype]):
        return f"what it sees in tiles together is {far:.1%} off what it sees in each alone"
    if (far := off(alone.scores, truth.scores)) > OFF_THE_TRUTH:
        return f"its scores are {far:.0%} off those of the CPU"
    if way.rows > 1 and (far := off(together.scores, alone.scores)) > OFF_ALONE[way.dtype]:
        return f"answers written together are {far:.1%} off those written alone"
    if not bool((alone.misses <= MISS).all()):
        return "it does not choose the likeliest token"
    return None


def off(found: Tensor, truth: Tensor) -> float:
    """The distance, as a share of the truth's spread, in the row where it is greatest; infinite where not a number."""
    spread = (truth - truth.mean(-1, keepdim=True)).norm(dim=-1)
    far = float(((found - truth).norm(dim=-1) / spread).max())
    return math.inf if math.isnan(far) else far
