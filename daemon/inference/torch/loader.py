"""Loads a checkpoint for torch: which device, precision, threads, and the fastest run mode that computes correctly."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from daemon.errors import EngineError
from daemon.inference.device_check_inputs import CheckInputs
from daemon.inference.device_verdicts import DeviceVerdicts
from daemon.inference.runner_loader import LoadedRunner
from daemon.inference.smolvlm.checkpoint import ModelSpec
from daemon.inference.torch.device_check import checked_runner, run_modes
from daemon.inference.torch.devices import pick_device, pick_dtype, require_int8
from daemon.inference.torch.linear import int8_layout, native_layout
from daemon.inference.torch.model_runner import TorchRunner
from daemon.inference.torch.threads import choose_threads


class TorchLoader:
    """`device` and `precision` are those of the settings.

    `threads`: how many torch uses on a CPU; None is the number that `choose_threads` measures to be best.
    `verdicts` keeps the result of a GPU's device check; without it, a GPU is checked at every start.
    """

    engine_name = "torch"

    def __init__(
        self,
        *,
        device: str = "auto",
        precision: str = "auto",
        threads: int | None = None,
        verdicts: DeviceVerdicts | None = None,
    ) -> None:
        self._device, self._precision, self._threads, self._verdicts = device, precision, threads, verdicts

    def load(self, folder: Path, spec: ModelSpec, max_sequences: int) -> LoadedRunner[Tensor]:
        """The model in the fastest run mode that computes correctly on the device, and what was decided.

        With the device "auto", a GPU that fails its device check is replaced by the CPU. Raises EngineError, and
        ModelUnavailableError for weights that cannot be loaded.
        """
        device = pick_device(self._device)
        if self._precision == "int8":
            require_int8(device)
        if device.type == "cpu":
            return self._load_on_cpu(folder, max_sequences)
        inputs = CheckInputs(tile=spec.tile, image_id=spec.image_id, context=spec.context)
        modes = list(run_modes(pick_dtype(self._precision, device), max_sequences))
        try:
            runner, mode, notes = checked_runner(folder, device, modes, inputs, self._verdicts)
        except EngineError as error:
            if self._device != "auto":
                raise
            loaded = self._load_on_cpu(folder, max_sequences)
            return LoadedRunner(loaded.runner, max_sequences, (f"{error} The CPU is used.", *loaded.notes))
        return LoadedRunner(runner, mode.rows, notes)

    def _load_on_cpu(self, folder: Path, max_sequences: int) -> LoadedRunner[Tensor]:
        device = torch.device("cpu")
        dtype, layout = pick_dtype(self._precision, device), int8_layout if self._precision == "int8" else native_layout
        note = self._set_threads(dtype)
        return LoadedRunner(TorchRunner.from_folder(folder, device, dtype, layout), max_sequences, (note,))

    def _set_threads(self, dtype: torch.dtype) -> str:
        """Before the weights are loaded, which uses these threads too; returns the choice as a note."""
        if self._threads is not None:
            torch.set_num_threads(self._threads)
            return f"Threads: {self._threads}."
        choice = choose_threads(dtype)
        return f"Threads: {choice.threads}; {choice.reason}."
