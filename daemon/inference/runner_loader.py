"""What another backend has to supply to the BatchEngine: a loader that puts a checkpoint on its device."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from daemon.inference.batch.runner_protocol import DeviceRunner
from daemon.inference.smolvlm.checkpoint import ModelSpec
from daemon.inference.smolvlm.processor import Floats

Features = TypeVar("Features")


@dataclass(frozen=True)
class LoadedRunner(Generic[Features]):
    """A model on its device. `max_sequences`: how many may be decoded at once there, at most as many as requested.

    `notes`: what was decided at load, and why, for people.
    """

    runner: DeviceRunner[Floats, Features]
    max_sequences: int
    notes: tuple[str, ...] = ()


class RunnerLoader(Protocol[Features]):
    """One backend. `engine_name` is its name in EngineInfo."""

    engine_name: str

    def load(self, folder: Path, spec: ModelSpec, max_sequences: int) -> LoadedRunner[Features]:
        """Load the checkpoint in `folder`. Raises ModelUnavailableError, or EngineError with advice."""
        ...
