"""What the engine "auto" stands for: MLX on Apple silicon where it passes its check, else PyTorch; and why."""

from __future__ import annotations

import importlib.util
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

from daemon.errors import EngineError
from daemon.inference.runner_loader import LoadedRunner, RunnerLoader
from daemon.inference.smolvlm.checkpoint import ModelSpec

INSTALL_ADVICE = "Install it with: pip install 'smolwatch[mlx]'; or set model.engine to torch."


def is_mlx_installed() -> bool:
    """Without importing it."""
    return importlib.util.find_spec("mlx") is not None


def require_mlx() -> None:
    """Raises EngineError where MLX is not installed."""
    if not is_mlx_installed():
        raise EngineError("MLX is not installed.", advice=INSTALL_ADVICE)


def reason_against_mlx(
    device: str,
    *,
    system: str | None = None,
    machine: str | None = None,
    is_installed: Callable[[], bool] = is_mlx_installed,
) -> str | None:
    """Why "auto" does not try MLX for this setting of the device, as text for people; None if it does."""
    if device not in ("auto", "mps"):
        return f"the device is set to {device}"
    if (system or platform.system(), machine or platform.machine()) != ("Darwin", "arm64"):
        return "this is not a Mac with Apple silicon"
    return None if is_installed() else "it is not installed"


class AutoLoader:
    """A RunnerLoader of MLX, or of torch where MLX is not to be tried or computes wrong. Notes give the reason."""

    def __init__(
        self, mlx: Callable[[], RunnerLoader[Any]], torch: Callable[[], RunnerLoader[Any]], *, against_mlx: str | None
    ) -> None:
        self.engine_name = "torch"
        self._mlx, self._torch, self._against_mlx = mlx, torch, against_mlx

    def load(self, folder: Path, spec: ModelSpec, max_sequences: int) -> LoadedRunner[Any]:
        """Raises what the loader of torch raises, and ModelUnavailableError of either."""
        reason = self._against_mlx
        if reason is None:
            try:
                loader = self._mlx()
                loaded = loader.load(folder, spec, max_sequences)
                self.engine_name = loader.engine_name
                return with_note(loaded, "Engine: MLX; it passed its check on this Apple GPU.")
            except (EngineError, ImportError) as error:
                reason = str(error).rstrip(".")
        loader = self._torch()
        loaded = loader.load(folder, spec, max_sequences)
        self.engine_name = loader.engine_name
        return with_note(loaded, f"Engine: PyTorch; not MLX: {reason}.")


def with_note(loaded: LoadedRunner[Any], note: str) -> LoadedRunner[Any]:
    return LoadedRunner(loaded.runner, loaded.max_sequences, (note, *loaded.notes))
