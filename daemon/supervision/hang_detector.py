"""When a worker that beats, and yet gets no further, is taken for hung. Pure, but for the clock."""

from __future__ import annotations

from daemon.clock import Clock
from daemon.messages import Stage

#: Loading the model the first time, from a slow disk, takes longer than any round of work.
LOADING_FACTOR = 5.0
#: A machine may simply be slow: after each worker that was ended, the next has twice the time, up to this much.
LONGEST_FACTOR = 8.0
#: Nobody asked for this long: the daemon itself stood still, and the worker may have done so with it.
GAP_SECONDS = 10.0


class HangDetector:
    """The worker says what it is about to do; from then on it has `seconds`, or as often as it says so again.

    The clock that counts stands still while the machine sleeps.
    """

    def __init__(self, seconds: float, clock: Clock) -> None:
        self._seconds = seconds
        self._clock = clock
        self._stage = Stage.IDLE
        self._since = self._asked = clock.monotonic()
        self._factor = 1.0

    def hear(self, stage: Stage) -> None:
        self._stage, self._since = stage, self._clock.monotonic()

    def overdue(self) -> float | None:
        """Asked often: for how many seconds nothing went on, if that is too long."""
        now, before = self._clock.monotonic(), self._asked
        self._asked = now
        if now - before > GAP_SECONDS:
            self._since = now
        if self._stage is Stage.IDLE or now - self._since <= self._limit():
            return None
        return now - self._since

    def ended(self) -> None:
        """A worker was ended for it."""
        self._factor = min(LONGEST_FACTOR, 2 * self._factor)

    def _limit(self) -> float:
        return self._seconds * self._factor * (LOADING_FACTOR if self._stage is Stage.LOADING else 1.0)
