"""When expired leases may be reaped. Pure, but for the clock."""

from __future__ import annotations

from daemon.clock import Clock

#: Between two checks, a wall clock that moved further than this was set, or the machine slept.
JUMP_SECONDS = 10.0


class LeaseMonitor:
    """Leases are wall time: after a clock jump, a sleep or a database outage, an expired lease proves nothing.

    After each of these every worker gets one full lease before its lease can expire again.
    """

    def __init__(self, lease_seconds: float, clock: Clock) -> None:
        self._lease = lease_seconds
        self._clock = clock
        self._jump = min(JUMP_SECONDS, lease_seconds / 4)
        self._checked = clock.now()
        self._due = clock.monotonic() + lease_seconds / 4

    def is_due(self) -> bool:
        """Call often; True every quarter of a lease."""
        now, before = self._clock.now(), self._checked
        self._checked = now
        if abs((now - before).total_seconds()) > self._jump:
            self.grant_full_lease()
        if self._clock.monotonic() < self._due:
            return False
        self._due = self._clock.monotonic() + self._lease / 4
        return True

    def grant_full_lease(self) -> None:
        self._due = self._clock.monotonic() + self._lease
