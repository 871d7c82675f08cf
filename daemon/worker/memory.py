"""How much memory all of smolwatch's processes take together: daemon, worker and decoder."""

from __future__ import annotations

import resource
import sys
import time

import psutil

SAMPLE_SECONDS = 1.0
#: getrusage counts in bytes on macOS and in KiB elsewhere.
RUSAGE_UNIT = 1 if sys.platform == "darwin" else 1024


class PeakMemory:
    """Measured from the worker: its own peak as the system counts it, and the others' resident memory when sampled."""

    def __init__(self) -> None:
        self._own = psutil.Process()
        self._others = 0
        self._due = 0.0

    def peak(self) -> int:
        """Bytes at most until now. Looks at the others once a second at most: listing processes takes milliseconds."""
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
                continue  # it ended in between
        return total
