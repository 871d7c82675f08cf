"""Tells in JSON how far each device's attention is off the CPU's at the real model's shapes, and what it takes.

A program of its own: a device's driver may end it. python -m daemon.inference.torch.probe_kernels
"""

from __future__ import annotations

import json
from dataclasses import asdict

import torch

from config.errors import SmolwatchError
from daemon.inference.torch.devices import DTYPES, pick_device, pick_dtype
from daemon.inference.torch.kernel_check import OFF, findings, product_times

DEVICES = ("cpu", "mps", "cuda")
#: Whether f16 would be faster than bf16 is not known of every GPU. On CPUs it is slower than both.
COMPARED = {"cpu": DTYPES, "mps": {**DTYPES, "f16": torch.float16}, "cuda": {**DTYPES, "f16": torch.float16}}


def about() -> dict[str, object]:
    """By device: its dtype, how far a kernel may be off, and what was found; or why it could not be tried."""
    told: dict[str, object] = {}
    for name in DEVICES:
        try:
            device = pick_device(name)
        except SmolwatchError:
            continue
        dtype = pick_dtype("auto", device)
        facts = {"dtype": next(word for word, known in DTYPES.items() if known is dtype), "most_off": OFF[dtype]}
        try:
            shapes = [asdict(found) for found in findings(device, dtype)]
            products = {word: product_times(device, each) for word, each in COMPARED[name].items()}
            told[name] = facts | {"shapes": shapes, "products": products}
        except RuntimeError as error:
            told[name] = facts | {"trouble": str(error), "shapes": []}
    return told


if __name__ == "__main__":
    print(json.dumps(about()))
