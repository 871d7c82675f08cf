"""How many threads torch computes on, by what is measured when the model is loaded."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch.nn.functional import linear

#: One thread fewer is taken only if it is so many times as fast, as it is where OpenMP's threads spin for long and that
#: cannot be helped (see `libraries`). Who else is busy now need not be so for as long as the model stays loaded.
FASTER = 2.0
#: As small as those of which a step over a few answers has hundreds.
ROWS, WIDTH, PRODUCTS = 8, 960, 16
ROUNDS = 5
#: No further round begins after so long.
PATIENCE_SECONDS = 0.5


@dataclass(frozen=True)
class ThreadChoice:
    threads: int
    reason: str


def choose(seconds: Mapping[int, float]) -> ThreadChoice:
    """Of numbers of threads, with the time that the same work took on each: the most, unless fewer are much faster."""
    most, best = max(seconds), min(seconds, key=lambda count: seconds[count])
    chosen = best if seconds[most] >= FASTER * seconds[best] else most
    times = ", ".join(f"{1000 * seconds[count]:.1f} ms on {count}" for count in sorted(seconds, reverse=True))
    return ThreadChoice(chosen, f"{PRODUCTS} small products take {times}")


def choose_threads(dtype: torch.dtype) -> ThreadChoice:
    """Measure and choose, in a fraction of a second; torch computes on that many threads from then on.

    Where there is one core, or OMP_NUM_THREADS says how many, nothing is measured.
    """
    most = torch.get_num_threads()
    if most == 1 or "OMP_NUM_THREADS" in os.environ:
        return ThreadChoice(most, "as OMP_NUM_THREADS says" if "OMP_NUM_THREADS" in os.environ else "there is one core")
    choice = choose(median_seconds((most, most - 1), small_products(dtype), torch.set_num_threads))
    torch.set_num_threads(choice.threads)
    return choice


def median_seconds(
    counts: tuple[int, ...],
    work: Callable[[], object],
    use: Callable[[int], None],
    clock: Callable[[], float] = time.perf_counter,
) -> dict[int, float]:
    """How long the work takes on each number of threads, which take turns; `use` sets their number."""
    taken: dict[int, list[float]] = {count: [] for count in counts}
    until = clock() + PATIENCE_SECONDS
    for _ in range(ROUNDS):
        for count in counts:
            use(count)
            work()  # threads that are new have started then
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
