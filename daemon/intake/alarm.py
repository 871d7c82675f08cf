"""Ends the rest of the intake's thread when there is something to look at."""

from __future__ import annotations

import threading

from daemon.clock import Clock
from daemon.intake.schedule import ROUND_SECONDS


class Alarm:
    """Any thread may ring, and say that it is over; one rests."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rung = threading.Event()
        self._over = threading.Event()

    @property
    def is_over(self) -> bool:
        return self._over.is_set()

    def ring(self) -> None:
        self._rung.set()

    def end(self) -> None:
        self._over.set()
        self._rung.set()

    def rest(self, seconds: float) -> None:
        """That long, or until it rings. Rings that come together, or one soon after a round, make one round."""
        began = self._clock.monotonic()
        if self._rung.wait(seconds):
            rested = self._clock.monotonic() - began
            self._over.wait(max(0.0, min(seconds, ROUND_SECONDS) - rested))
        self._rung.clear()
