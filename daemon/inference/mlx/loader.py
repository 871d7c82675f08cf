"""Loads a checkpoint for MLX: which device, precision and bits; an Apple GPU is checked before it is trusted."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import mlx.core as mx

from daemon.errors import EngineError
from daemon.inference.device_verdicts import DeviceVerdict, DeviceVerdicts, key_of
from daemon.inference.mlx.device_check import check_device
from daemon.inference.mlx.devices import device_name, is_gpu, pick_device, use_device
from daemon.inference.mlx.model_runner import Features, MlxRunner
from daemon.inference.mlx.precision import fastest_dtype
from daemon.inference.runner_loader import LoadedRunner
from daemon.inference.smolvlm.checkpoint import ModelSpec

DTYPES = {"f32": mx.float32, "bf16": mx.bfloat16, "f16": mx.float16}
BITS = {"int8": 8, "int4": 4}


class MlxLoader:
    """`device` and `precision` are those of the settings.

    `verdicts` keeps what was found out about an Apple GPU; without it, the GPU is checked at every start.
    """

    engine_name = "mlx"

    def __init__(
        self, *, device: str = "auto", precision: str = "auto", verdicts: DeviceVerdicts | None = None
    ) -> None:
        self._device, self._precision, self._verdicts = device, precision, verdicts

    def load(self, folder: Path, spec: ModelSpec, max_sequences: int) -> LoadedRunner[Features]:
        """Raises EngineError when the GPU computes wrong, and ModelUnavailableError for weights that cannot be loaded.

        MLX on a CPU is correct and slow; it is there for tests.
        """
        device = pick_device(self._device)
        use_device(device)
        bits = BITS.get(self._precision)
        notes: tuple[str, ...] = ("MLX on a CPU is slow; it is meant for tests.",)
        if not is_gpu(device):
            dtype = DTYPES.get(self._precision, mx.float32)
        else:
            dtype, notes = self._checked(device, bits)
        return LoadedRunner(MlxRunner.from_folder(folder, device, dtype, bits=bits), max_sequences, notes)

    def _checked(self, device: mx.Device, bits: int | None) -> tuple[mx.Dtype, tuple[str, ...]]:
        """The dtype for the GPU, and what was found out about it; from the stored verdict if there is one."""
        key = key_of("mlx", version("mlx"), device_name(device), self._precision)
        stored = self._verdicts.find(key) if self._verdicts else None
        if stored is None:
            dtype, notes = self._chosen_dtype()
            if (fault := check_device(device, dtype, bits)) is not None:
                raise EngineError(
                    f"MLX computes wrong on this GPU: {fault}.", advice="Set model.engine to torch, or update mlx."
                )
            stored = DeviceVerdict(str(dtype).removeprefix("mlx.core."), notes)
            if self._verdicts is not None:
                self._verdicts.keep(key, stored)
        known = {str(dtype).removeprefix("mlx.core."): dtype for dtype in DTYPES.values()}
        return known.get(stored.mode, mx.bfloat16), stored.notes

    def _chosen_dtype(self) -> tuple[mx.Dtype, tuple[str, ...]]:
        if self._precision in DTYPES:
            return DTYPES[self._precision], ()
        return fastest_dtype()
