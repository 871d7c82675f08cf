"""When a worker that does not beat may be taken for dead. Pure, but for the clock."""

from __future__ import annotations

from daemon.clock import Clock

#: Between two questions, a wall clock that moved further than this was set, or the machine slept.
JUMP_SECONDS = 10.0


class LeaseMonitor:
    """Leases are wall time, and a worker that was asleep too, or whose beats found no database, is not dead.

    After each of these everybody has a whole lease to beat before silence counts again.
    """

    def __init__(self, lease_seconds: float, clock: Clock) -> None:
        self._lease = lease_seconds
        self._clock = clock
        self._jump = min(JUMP_SECONDS, lease_seconds / 4)
        self._asked = clock.now()
        self._due = clock.monotonic() + lease_seconds / 4

    def may_be_judged(self) -> bool:
        """Asked often; True every quarter of a lease."""
        now, before = self._clock.now(), self._asked
        self._asked = now
        if abs((now - before).total_seconds()) > self._jump:
            self.excuse()
        if self._clock.monotonic() < self._due:
            return False
        self._due = self._clock.monotonic() + self._lease / 4
        return True

    def excuse(self) -> None:
        self._due = self._clock.monotonic() + self._lease
