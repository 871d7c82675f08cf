"""Is attention right on this machine's devices at the real model's shapes, and which of its two ways is faster?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from daemon.doctor.selftest.trial_result import Failed, Result, TrialResult, tried
from daemon.doctor.subprocesses import NoOutputError, told_by


def kernels() -> Iterator[TrialResult]:
    """One for each device that is here. Needs no weights."""
    try:
        told: Mapping[str, Mapping[str, Any]] = told_by("daemon.inference.torch.probe_kernels")
    except NoOutputError as error:
        yield TrialResult("kernels", Result.FAILED, str(error))
        return
    for device, found in told.items():
        yield tried(f"kernels on {device}", partial(judged, found))


def judged(found: Mapping[str, Any]) -> str:
    if "trouble" in found:
        raise Failed(found["trouble"])
    words = f"{found['dtype']}; " + "; ".join(map(in_words, found["shapes"]))
    for dtype, times in found["products"].items():
        words += f"; products in {dtype}: " + ", ".join(f"{name} {took:.2f} ms" for name, took in times.items())
    if any(not shape["off"] <= found["most_off"] for shape in found["shapes"]):
        raise Failed(words)
    return words


def in_words(shape: Mapping[str, Any]) -> str:
    times = f"fused {shape['fused_ms']:.2f} ms, plain {shape['plain_ms']:.2f} ms"
    return f"{shape['name']}: {times}, {shape['off']:.2%} off"
