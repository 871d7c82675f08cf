"""Whether a worker's memory has grown so much that it had better be renewed. The measuring is passed in."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import psutil

#: What the first answers take is what the model needs; only what comes on top of it is growth.
WARM_ANSWERS = 8


class MemoryGrowth:
    """`most_bytes` may come on top. `measure` gives the bytes that the process holds, without those on a device.

    Measured at each answer, without the keys and values of the answers under way: how many these are differs from
    moment to moment, and they go when their answers do.
    """

    def __init__(self, most_bytes: int, measure: Callable[[], int]) -> None:
        self._most_bytes = most_bytes
        self._measure = measure
        self._answers = 0
        self._warm = 0
        self._held = 0

    def answered(self, device_bytes: int, cache_bytes: int) -> None:
        """One more answer was given; the device's memory, and keys and values, are what they were then."""
        self._answers += 1
        self._held = self._measure() + device_bytes - cache_bytes
        if self._answers <= WARM_ANSWERS:
            self._warm = max(self._warm, self._held)

    def is_too_much(self) -> bool:
        return self._answers > WARM_ANSWERS and self._held > self._warm + self._most_bytes


def resident_bytes() -> int:
    """Of this process."""
    return own_process().memory_info().rss


@cache
def own_process() -> psutil.Process:
    """Made once: what it finds out about itself takes longer than what is asked of it at every answer."""
    return psutil.Process()
