"""Numerical accuracy: each device against the CPU, and a batch against single answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from daemon.doctor.selftest.trial_result import NotApplicableError, Result, TrialFailedError, TrialResult, run_trial
from daemon.doctor.subprocesses import NoOutputError, run_probe

Ways = Sequence[Mapping[str, Any]]
#: A full-size model is tried on every device, the CPU in float32 included.
TIMEOUT_SECONDS = 900.0
ABSENT = {"mps": "There is no Apple GPU that PyTorch can use.", "cuda": "There is no NVIDIA GPU that PyTorch can use."}


def numerics(folder: str) -> Iterator[TrialResult]:
    """For the checkpoint in `folder`: the CPU with single answers and a batch, then every other device against it."""
    try:
        report: Mapping[str, Ways] = run_probe("daemon.inference.torch.probe_numerics", folder, timeout=TIMEOUT_SECONDS)
    except NoOutputError as error:
        yield TrialResult("arithmetic", Result.FAILED, str(error))
        return
    for device, ways in report.items():
        yield run_trial(f"arithmetic on {device}", partial(judged, device, ways))


def judged(device: str, ways: Ways) -> str:
    """Passed only if the fastest way is accurate: the daemon can fall back to others, but a report is wanted."""
    if not ways:
        raise NotApplicableError(ABSENT[device])
    text = "; ".join(map(in_words, ways))
    if ways[0]["trouble"] is not None:
        raise TrialFailedError(text)
    return text


def in_words(way: Mapping[str, Any]) -> str:
    how = f"{way['device']}, {way['way']}, {str(way['dtype']).removeprefix('torch.')}"
    if "off_the_cpu" not in way:
        return f"{how}: {way['trouble']}"
    figures = f"{way['off_the_cpu']:.2%} off the CPU in float32, in a batch {way['off_alone']:.2%} off single answers"
    return f"{how}: {figures}" + (f" ({way['trouble']})" if way["trouble"] else "")
