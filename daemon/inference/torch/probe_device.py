"""Tells in JSON where a model would run, and in which numbers. A program of its own: a broken PyTorch breaks no other.

python -m daemon.inference.torch.probe_device DEVICE PRECISION
"""

from __future__ import annotations

import json
import sys

import torch

from config.errors import SmolwatchError
from daemon.inference.torch.devices import check_int8, name_of, pick_device, pick_dtype


def about(device: str, precision: str) -> dict[str, object]:
    """For settings of that name. `error` and `advice` instead of device and dtype, where they cannot be had."""
    known: dict[str, object] = {
        "torch": torch.__version__,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "mps_built": torch.backends.mps.is_built(),
    }
    try:
        place = pick_device(device)
        if precision == "int8":
            check_int8(place)
    except SmolwatchError as error:
        return known | {"error": str(error), "advice": error.advice}
    dtype = str(pick_dtype(precision, place)).removeprefix("torch.")
    return known | {"device": place.type, "name": name_of(place), "dtype": dtype}


if __name__ == "__main__":
    print(json.dumps(about(*sys.argv[1:])))
