"""Chooses how many threads torch uses, by a measurement when the model is loaded."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch.nn.functional import linear

#: One thread fewer is chosen only if it is so many times as fast, as where OpenMP's threads spin for long and cannot be
#: configured (see `environment`). Other load at this moment may end long before the model is unloaded.
MIN_SPEEDUP = 2.0
#: As small as the hundreds of products in a decode step of a few answers.
ROWS, WIDTH, PRODUCTS = 8, 960, 16
ROUNDS = 5
#: No further round begins after so many seconds.
MAX_SECONDS = 0.5


@dataclass(frozen=True)
class ThreadChoice:
    threads: int
    reason: str


def choose(seconds: Mapping[int, float]) -> ThreadChoice:
    """The largest number of threads, unless fewer are much faster; `seconds` of the same work, by number."""
    default, best = max(seconds), min(seconds, key=lambda count: seconds[count])
    chosen = best if seconds[default] >= MIN_SPEEDUP * seconds[best] else default
    times = ", ".join(f"{1000 * seconds[count]:.1f} ms on {count}" for count in sorted(seconds, reverse=True))
    return ThreadChoice(chosen, f"{PRODUCTS} small products take {times}")


def choose_threads(dtype: torch.dtype) -> ThreadChoice:
    """Measure and choose, in a fraction of a second; torch uses that many threads from then on.

    Nothing is measured with one core, or if OMP_NUM_THREADS is set.
    """
    default = torch.get_num_threads()
    if default == 1 or "OMP_NUM_THREADS" in os.environ:
        return ThreadChoice(
            default, "set by OMP_NUM_THREADS" if "OMP_NUM_THREADS" in os.environ else "there is one core"
        )
    choice = choose(median_seconds((default, default - 1), small_products(dtype), torch.set_num_threads))
    torch.set_num_threads(choice.threads)
    return choice


def median_seconds(
    counts: tuple[int, ...],
    work: Callable[[], object],
    set_threads: Callable[[int], None],
    clock: Callable[[], float] = time.perf_counter,
) -> dict[int, float]:
    """The median seconds of the work for each number of threads, interleaved; `set_threads` sets their number."""
    taken: dict[int, list[float]] = {count: [] for count in counts}
    until = clock() + MAX_SECONDS
    for _ in range(ROUNDS):
        for count in counts:
            set_threads(count)
            work()  # starts new threads
            began = clock()
            work()
            taken[count].append(clock() - began)
        if clock() >= until:
            break
    return {count: statistics.median(times) for count, times in taken.items()}


def small_products(dtype: torch.dtype) -> Callable[[], object]:
    rows = torch.ones(ROWS, WIDTH, dtype=dtype)
    weight = torch.ones(WIDTH, WIDTH, dtype=dtype)

    def multiply() -> None:
        with torch.inference_mode():
            for _ in range(PRODUCTS):
                linear(rows, weight)

    return multiply
