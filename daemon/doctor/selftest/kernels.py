"""Accuracy and speed of both attention implementations on this machine's devices, at the real model's shapes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from daemon.doctor.selftest.trial_result import Result, TrialFailedError, TrialResult, run_trial
from daemon.doctor.subprocesses import NoOutputError, run_probe


def kernels() -> Iterator[TrialResult]:
    """One trial a device. Needs no weights."""
    try:
        report: Mapping[str, Mapping[str, Any]] = run_probe("daemon.inference.torch.probe_kernels")
    except NoOutputError as error:
        yield TrialResult("kernels", Result.FAILED, str(error))
        return
    for device, found in report.items():
        yield run_trial(f"kernels on {device}", partial(judged, found))


def judged(found: Mapping[str, Any]) -> str:
    if "trouble" in found:
        raise TrialFailedError(found["trouble"])
    text = f"{found['dtype']}; " + "; ".join(map(in_words, found["shapes"]))
    for dtype, times in found["products"].items():
        text += f"; products in {dtype}: " + ", ".join(f"{name} {took:.2f} ms" for name, took in times.items())
    if any(not shape["off"] <= found["most_off"] for shape in found["shapes"]):
        raise TrialFailedError(text)
    return text


def in_words(shape: Mapping[str, Any]) -> str:
    times = f"fused {shape['fused_ms']:.2f} ms, plain {shape['plain_ms']:.2f} ms"
    return f"{shape['name']}: {times}, {shape['off']:.2%} off"
