"""Prints as JSON the error of each device against the CPU, and of batched answers against single ones.

A separate process, because a driver can end it. python -m daemon.inference.torch.probe_numerics [FOLDER]
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import torch

from config.errors import SmolwatchError
from daemon.inference.batch.runner_protocol import RunnerError
from daemon.inference.device_check_inputs import CheckInputs
from daemon.inference.device_faults import relative_error
from daemon.inference.smolvlm.checkpoint import read_spec
from daemon.inference.torch.device_check import find_fault, run_modes
from daemon.inference.torch.devices import device_name, pick_device, pick_dtype
from daemon.inference.torch.model_runner import TorchRunner
from daemon.inference.weights.sources import DEMO

DEVICES = ("cpu", "mps", "cuda")
ROWS = 32


def about(folder: Path) -> dict[str, list[dict[str, object]]]:
    """By device, the run modes up to the first correct one; none for a missing device."""
    spec = read_spec(folder)
    inputs = CheckInputs(tile=spec.tile, image_id=spec.image_id, context=spec.context)
    expected = inputs.run_single(TorchRunner.from_folder(folder, torch.device("cpu"), torch.float32))

    def modes(name: str) -> Iterator[dict[str, object]]:
        try:
            device = pick_device(name)
        except SmolwatchError:
            return
        for mode in run_modes(pick_dtype("auto", device), ROWS):
            report: dict[str, object] = {"device": device_name(device), "way": mode.label, "dtype": str(mode.dtype)}
            try:
                runner = TorchRunner.from_folder(folder, device, mode.dtype, kernel=mode.kernel)
                single, batch = inputs.run_single(runner), inputs.run_batch(runner)
            except RunnerError as error:
                yield report | {"trouble": str(error)}
                continue
            fault = find_fault(single, batch, expected, mode)
            report["off_the_cpu"] = max(
                relative_error(single.features, expected.features), relative_error(single.scores, expected.scores)
            )
            report["off_alone"] = max(
                relative_error(batch.features, single.features), relative_error(batch.scores, single.scores)
            )
            yield report | {"trouble": fault}
            if fault is None:
                return

    return {name: list(modes(name)) for name in DEVICES}


if __name__ == "__main__":
    print(json.dumps(about(Path(sys.argv[1]) if sys.argv[1:] else DEMO)))
