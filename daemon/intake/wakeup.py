"""Wakes the intake's thread when there are events."""

from __future__ import annotations

import threading

from daemon.clock import Clock
from daemon.intake.sweep_schedule import ROUND_SECONDS


class Wakeup:
    """One thread waits. Any thread may wake it, or stop it for good."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._woken = threading.Event()
        self._stopped = threading.Event()

    @property
    def is_stopped(self) -> bool:
        return self._stopped.is_set()

    def wake(self) -> None:
        self._woken.set()

    def stop(self) -> None:
        self._stopped.set()
        self._woken.set()

    def wait(self, seconds: float) -> None:
        """Until `wake`, or for `seconds`. After a wake it waits ROUND_SECONDS in all, so that wakes coalesce."""
        began = self._clock.monotonic()
        if self._woken.wait(seconds):
            waited = self._clock.monotonic() - began
            self._stopped.wait(max(0.0, min(seconds, ROUND_SECONDS) - waited))
        self._woken.clear()
