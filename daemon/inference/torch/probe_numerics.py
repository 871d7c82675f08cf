"""Tells in JSON how far each device here is off the CPU, and answers written together off those written alone.

A program of its own: a device's driver may end it. python -m daemon.inference.torch.probe_numerics [FOLDER]
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import torch

from config.errors import SmolwatchError
from daemon.inference.batch.runner_protocol import RunnerError
from daemon.inference.smolvlm.checkpoint import read_plan
from daemon.inference.torch.device_check import judge, off, run_modes
from daemon.inference.torch.device_check_inputs import CheckInputs
from daemon.inference.torch.devices import name_of, pick_device, pick_dtype
from daemon.inference.torch.model_runner import TorchRunner
from daemon.inference.weights.sources import DEMO

DEVICES = ("cpu", "mps", "cuda")
ROWS = 32


def about(folder: Path) -> dict[str, list[dict[str, object]]]:
    """By device, the ways to compute up to the first that is sound; none for a device that is not here."""
    plan = read_plan(folder)
    probe = CheckInputs(tile=plan.tile, image_id=plan.image_id, context=plan.context)
    truth = probe.alone(TorchRunner.from_folder(folder, torch.device("cpu"), torch.float32))

    def ways(name: str) -> Iterator[dict[str, object]]:
        try:
            device = pick_device(name)
        except SmolwatchError:
            return
        for way in run_modes(pick_dtype("auto", device), ROWS):
            told: dict[str, object] = {"device": name_of(device), "way": way.words, "dtype": str(way.dtype)}
            try:
                runner = TorchRunner.from_folder(folder, device, way.dtype, kernel=way.kernel)
                alone, together = probe.alone(runner), probe.together(runner)
            except RunnerError as error:
                yield told | {"trouble": str(error)}
                continue
            trouble = judge(alone, together, truth, way)
            told["off_the_cpu"] = max(off(alone.features, truth.features), off(alone.scores, truth.scores))
            told["off_alone"] = max(off(together.features, alone.features), off(together.scores, alone.scores))
            yield told | {"trouble": trouble}
            if trouble is None:
                return

    return {name: list(ways(name)) for name in DEVICES}


if __name__ == "__main__":
    print(json.dumps(about(Path(sys.argv[1]) if sys.argv[1:] else DEMO)))
