"""Statistics of repeated measurements."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Stats:
    """Measurements in the order in which they were taken; at least one."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def minimum(self) -> float:
        return min(self.values)

    @property
    def maximum(self) -> float:
        return max(self.values)

    def scaled(self, factor: float) -> Stats:
        return Stats(tuple(factor * value for value in self.values))


def quotients(over: Sequence[float], under: Sequence[float]) -> Stats:
    """One quotient a round: different rounds are not compared."""
    return Stats(tuple(upper / lower for upper, lower in zip(over, under, strict=True)))
