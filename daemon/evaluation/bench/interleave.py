"""Interleaves the contestants, so that background load affects all alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a contestant did in one round, with `files` pictures or videos.

    `phases`: the mean seconds of a file by phase. `tokens`: those decoded, without the first of each answer,
    which prefill gives. `rows`: the largest batch.
    """

    files: int
    phases: Mapping[str, float]
    tokens: int = 0
    tokens_in: int = 0
    tiles: int = 0
    rows: int = 1


@dataclass(frozen=True)
class Measurement:
    seconds: float
    run: Run


class Contestant(Protocol):
    def prepare(self) -> None:
        """Everything before a run that is not timed."""
        ...

    def run(self) -> Run:
        """The timed run."""
        ...


def interleave(
    contestants: Mapping[str, Contestant],
    *,
    rounds: int,
    on_progress: Callable[[str], None] = lambda _: None,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[Measurement]]:
    """Runs every contestant once a round, in order; measurements by name. `on_progress` gets a line for each."""
    measurements: dict[str, list[Measurement]] = {name: [] for name in contestants}
    for number in range(1, rounds + 1):
        for name, contestant in contestants.items():
            contestant.prepare()
            began = clock()
            run = contestant.run()
            measurement = Measurement(clock() - began, run)
            measurements[name].append(measurement)
            on_progress(f"round {number} of {rounds}: {name} took {measurement.seconds:.2f} s")
    return measurements
