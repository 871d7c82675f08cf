"""Intervals by resampling cases: Efron's percentile bootstrap, 95 %. Pure: the seed is fixed, so results repeat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SAMPLES = 2000
SEED = 20_260_101
PERCENTILES = (2.5, 97.5)


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A weighted mean over `count` cases, and its 95 % interval."""

    mean: float
    low: float
    high: float
    count: int


def interval_of(values: Sequence[float], weights: Sequence[float]) -> Interval | None:
    """Of one value a case. None without cases; with one case alone the interval is that value.

    For a paired comparison, pass the differences: cases are resampled in pairs then.
    """
    if not values:
        return None
    numbers, shares = np.asarray(values, float), np.asarray(weights, float)
    drawn = np.random.default_rng(SEED).integers(0, len(numbers), (SAMPLES, len(numbers)))
    means = (numbers[drawn] * shares[drawn]).sum(axis=1) / shares[drawn].sum(axis=1)
    low, high = np.percentile(means, PERCENTILES)
    mean = float((numbers * shares).sum() / shares.sum())
    return Interval(mean=mean, low=float(low), high=float(high), count=len(numbers))
