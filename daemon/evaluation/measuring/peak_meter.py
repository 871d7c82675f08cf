"""The peak of this process's resident memory from one moment on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import psutil

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
#: What resets the peak when it is written: see proc_pid_clear_refs(5).
PEAK = "5"
EVERY_SECONDS = 0.002


class PeakMeter(Protocol):
    """`level`: the bytes at the beginning; `how` the peak is found, for people."""

    level: int
    how: str

    def stop(self) -> int:
        """The peak in bytes since the beginning."""
        ...


class KernelMeter:
    """By Linux's own count of the peak, which begins again here. The constructor raises OSError elsewhere."""

    how = "peak as the kernel counts it"

    def __init__(self) -> None:
        RESET.write_text(PEAK)
        self.level = high_water()

    def stop(self) -> int:
        return high_water()


class SamplingMeter:
    """Reads the memory every few milliseconds: `ru_maxrss`, which other systems have, cannot begin again."""

    how = f"largest of a sample every {1000 * EVERY_SECONDS:.0f} ms: a shorter peak is missed"

    def __init__(self, read: Callable[[], int]) -> None:
        self.level = self._peak = read()
        self._read = read
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="peak", daemon=True)
        self._thread.start()

    def stop(self) -> int:
        self._is_over.set()
        self._thread.join()
        return max(self._peak, self._read())

    def _sample(self) -> None:
        while not self._is_over.wait(EVERY_SECONDS):
            self._peak = max(self._peak, self._read())


def peak_meter() -> PeakMeter:
    """Begins now, in the most exact way that this system has."""
    try:
        return KernelMeter()
    except OSError:
        process = psutil.Process()
        return SamplingMeter(lambda: int(process.memory_info().rss))


def high_water() -> int:
    """The largest resident memory since the last reset, in bytes."""
    lines = STATUS.read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
