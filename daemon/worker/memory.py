"""Memory: the peak of all of smolwatch's processes together, and the growth after which a worker is replaced."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from functools import cache

import psutil

SAMPLE_SECONDS = 1.0
#: getrusage counts in bytes on macOS and in KiB elsewhere.
RUSAGE_UNIT = 1 if sys.platform == "darwin" else 1024
#: The first answers show what the model needs; growth is what exceeds it.
WARM_ANSWERS = 8


class PeakMemory:
    """Of daemon, worker and decoder: the worker's own peak as the system counts it, the others' resident samples."""

    def __init__(self) -> None:
        self._own = psutil.Process()
        self._others = 0
        self._due = 0.0

    def peak(self) -> int:
        """The peak in bytes. Samples the others once a second at most: listing processes takes milliseconds."""
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + SAMPLE_SECONDS
            self._others = max(self._others, self._resident_others())
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RUSAGE_UNIT + self._others

    def _resident_others(self) -> int:
        total = 0
        parent = self._own.parent()
        for process in ([parent] if parent else []) + self._own.children(recursive=True):
            try:
                total += process.memory_info().rss
            except psutil.Error:
                continue  # it has just ended
        return total


class MemoryGrowth:
    """Limits growth to `max_bytes`. `measure` returns the bytes that the process holds, without those on a device.

    They do not include the feature cache, which has a limit of its own. Measured at each answer, without the KV caches
    in use: their number differs from moment to moment, and they are freed with their answers.
    """

    def __init__(self, max_bytes: int, measure: Callable[[], int]) -> None:
        self._max_bytes = max_bytes
        self._measure = measure
        self._answers = 0
        self._warm = 0
        self._held = 0

    def record_answer(self, device_bytes: int, cache_bytes: int) -> None:
        """Measure after an answer. `device_bytes`: the device's memory then; `cache_bytes`: the KV caches."""
        self._answers += 1
        self._held = self._measure() + device_bytes - cache_bytes
        if self._answers <= WARM_ANSWERS:
            self._warm = max(self._warm, self._held)

    def is_exceeded(self) -> bool:
        return self._answers > WARM_ANSWERS and self._held > self._warm + self._max_bytes


def resident_bytes() -> int:
    """Of this process."""
    return own_process().memory_info().rss


@cache
def own_process() -> psutil.Process:
    """Cached: to make it takes longer than the measurement, which happens at every answer."""
    return psutil.Process()
