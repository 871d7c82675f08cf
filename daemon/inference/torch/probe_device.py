"""Prints as JSON on which device and in which precision a model would run.

A separate process, so that a broken PyTorch breaks no other.

python -m daemon.inference.torch.probe_device DEVICE PRECISION
"""

from __future__ import annotations

import json
import sys

import torch

from config.errors import SmolwatchError
from daemon.inference.torch.devices import device_name, pick_device, pick_dtype, require_int8


def about(device: str, precision: str) -> dict[str, object]:
    """For these settings; `error` and `advice` instead of device and dtype where they are not available."""
    facts: dict[str, object] = {
        "torch": torch.__version__,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "mps_built": torch.backends.mps.is_built(),
    }
    try:
        chosen = pick_device(device)
        if precision == "int8":
            require_int8(chosen)
    except SmolwatchError as error:
        return facts | {"error": str(error), "advice": error.advice}
    dtype = str(pick_dtype(precision, chosen)).removeprefix("torch.")
    return facts | {"device": chosen.type, "name": device_name(chosen), "dtype": dtype}


if __name__ == "__main__":
    print(json.dumps(about(*sys.argv[1:])))
