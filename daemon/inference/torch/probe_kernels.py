"""Prints as JSON the error of each device's attention at the real model's shapes, and its times.

A separate process, because a driver can end it. python -m daemon.inference.torch.probe_kernels
"""

from __future__ import annotations

import json
from dataclasses import asdict

import torch

from config.errors import SmolwatchError
from daemon.inference.torch.devices import DTYPES, pick_device, pick_dtype
from daemon.inference.torch.kernel_check import MAX_ERROR, kernel_reports, product_times

DEVICES = ("cpu", "mps", "cuda")
#: Whether f16 is faster than bf16 is not known for every GPU. On CPUs it is slower than both.
COMPARED = {"cpu": DTYPES, "mps": {**DTYPES, "f16": torch.float16}, "cuda": {**DTYPES, "f16": torch.float16}}


def about() -> dict[str, object]:
    """By device: its dtype, the error limit, and the reports; or why it could not be checked."""
    report: dict[str, object] = {}
    for name in DEVICES:
        try:
            device = pick_device(name)
        except SmolwatchError:
            continue
        dtype = pick_dtype("auto", device)
        facts = {
            "dtype": next(label for label, known in DTYPES.items() if known is dtype),
            "most_off": MAX_ERROR[dtype],
        }
        try:
            shapes = [asdict(found) for found in kernel_reports(device, dtype)]
            products = {label: product_times(device, each) for label, each in COMPARED[name].items()}
            report[name] = facts | {"shapes": shapes, "products": products}
        except RuntimeError as error:
            report[name] = facts | {"trouble": str(error), "shapes": []}
    return report


if __name__ == "__main__":
    print(json.dumps(about()))
