"""Sides that are compared take turns, so that whatever else the machine does befalls all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a side did in one turn, with `files` pictures or videos.

    `phases`: the mean seconds of a file by phase. `tokens`: those written, without the first of each answer, which
    reading the prompt brings about. `rows`: the most answers that were written together.
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
    def ready(self) -> None:
        """What has to be done before a turn, and is not timed."""
        ...

    def run(self) -> Run:
        """The turn itself."""
        ...


def take_turns(
    sides: Mapping[str, Contestant],
    *,
    rounds: int,
    tell: Callable[[str], None] = lambda _: None,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[Measurement]]:
    """Every side once a round, in order; its turns by its name. `tell` hears of every turn."""
    turns: dict[str, list[Measurement]] = {name: [] for name in sides}
    for number in range(1, rounds + 1):
        for name, side in sides.items():
            side.ready()
            began = clock()
            run = side.run()
            turn = Measurement(clock() - began, run)
            turns[name].append(turn)
            tell(f"round {number} of {rounds}: {name} took {turn.seconds:.2f} s")
    return turns
