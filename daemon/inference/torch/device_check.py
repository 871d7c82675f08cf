"""Checks that a device computes the same as a CPU, singly and batched; finds the fastest correct run mode."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from daemon.errors import EngineError
from daemon.inference.batch.runner_protocol import RunnerError
from daemon.inference.device_check_inputs import BatchResults, CheckInputs, SingleResults
from daemon.inference.device_faults import fault_in
from daemon.inference.device_verdicts import DeviceVerdict, DeviceVerdicts, key_of
from daemon.inference.torch.attention import AttentionKernel, fused, plain
from daemon.inference.torch.devices import DISPLAY_NAMES, device_name, empty_cache
from daemon.inference.torch.kernel_check import kernel_error
from daemon.inference.torch.model_runner import TorchRunner

#: How far scores in a batch may be off single ones.
MAX_BATCH_ERROR = {torch.bfloat16: 0.1, torch.float32: 0.005}


@dataclass(frozen=True)
class RunMode:
    """One way to run the model. `label` is for people, and identifies the mode in a stored verdict."""

    kernel: AttentionKernel
    dtype: torch.dtype
    rows: int
    label: str


def run_modes(dtype: torch.dtype, rows: int) -> Iterator[RunMode]:
    """All modes for a device with this `dtype` and at most `rows` sequences; fastest first, safest last."""
    yield RunMode(fused, dtype, rows, "its own attention")
    yield RunMode(plain, dtype, rows, "plain attention")
    if dtype is not torch.float32:
        yield RunMode(plain, torch.float32, rows, "plain attention in float32")
    yield RunMode(plain, torch.float32, 1, "plain attention in float32, one answer at a time")


def checked_runner(
    folder: Path,
    device: torch.device,
    modes: Sequence[RunMode],
    inputs: CheckInputs,
    verdicts: DeviceVerdicts | None = None,
) -> tuple[TorchRunner, RunMode, tuple[str, ...]]:
    """The model on that device in the first mode that computes correctly, and why the modes before it do not.

    The reference is the CPU in float32. A stored verdict skips the check. Raises EngineError when no mode is correct,
    and ModelUnavailableError as loading does.
    """
    key = key_of(torch.__version__, device_name(device), str(modes[0].dtype), folder=folder)
    stored = verdicts.find(key) if verdicts else None
    for mode in modes:
        if stored is not None and mode.label == stored.mode:
            return TorchRunner.from_folder(folder, device, mode.dtype, kernel=mode.kernel), mode, stored.notes
    expected = inputs.run_single(TorchRunner.from_folder(folder, torch.device("cpu"), torch.float32))
    notes: list[str] = []
    for mode in modes:
        try:
            fault = kernel_error(mode.kernel, device, mode.dtype, rows=mode.rows)
            if fault is None:
                runner = TorchRunner.from_folder(folder, device, mode.dtype, kernel=mode.kernel)
                fault = find_fault(inputs.run_single(runner), inputs.run_batch(runner), expected, mode)
        except (RunnerError, RuntimeError) as error:  # the second: the weights do not fit on the device
            fault = str(error).rstrip(".")
        empty_cache(device)
        if fault is None:
            if verdicts is not None:
                verdicts.keep(key, DeviceVerdict(mode.label, tuple(notes)))
            return runner, mode, tuple(notes)
        notes.append(f"With {mode.label}: {fault}.")
    raise EngineError(
        f"The {DISPLAY_NAMES[device.type]} computes this model wrong. {' '.join(notes)}",
        advice="Set model.device to cpu.",
    )


def find_fault(single: SingleResults, batch: BatchResults, expected: SingleResults, mode: RunMode) -> str | None:
    """What is wrong with a mode, as text for people, or None. Pure."""
    return fault_in(single, batch, expected, rows=mode.rows, max_batch_error=MAX_BATCH_ERROR[mode.dtype])
