"""When the next sweep and the next round are due. Pure: the times are passed in."""

from __future__ import annotations

import math

from daemon.intake.intake_status import REPORT_SECONDS

#: Between two rounds while files settle or events arrive.
ROUND_SECONDS = 0.25
#: Between two rounds while nothing happens: a dead watch, a lost disk and a system sleep send no events.
QUIET_SECONDS = 5.0
#: After a failure of the database or the inbox, before the next try.
PAUSE_SECONDS = 3.0
#: When the wall clock gains more than this on the monotonic clock, the machine slept and events were lost.
SLEPT_SECONDS = 30.0
#: Without a watch: the interval's minimum and maximum; listing takes at most a twentieth of the time.
SHORTEST_POLL = 2.0
LONGEST_POLL = 60.0
POLL_SHARE = 20
#: Observing unsettled files takes at most a tenth of the time.
LOOK_SHARE = 10
#: Admitting pauses after this long, so that a big backlog does not delay events and a stop.
BUSY_SECONDS = 0.5
#: Files admitted at once.
BATCH = 500


class SweepSchedule:
    """Due at the start, after a system sleep, on request, and every `sweep_seconds`; more often without a watch."""

    def __init__(self, sweep_seconds: float) -> None:
        self._sweep_seconds = sweep_seconds
        self._due = float("-inf")
        self._gap: float | None = None

    def request(self) -> None:
        """Make the sweep due now."""
        self._due = float("-inf")

    def is_due(self, monotonic: float, wall: float) -> bool:
        """`wall` in seconds since 1970."""
        gap = wall - monotonic
        before, self._gap = self._gap, gap
        slept = before is not None and gap - before > SLEPT_SECONDS
        if slept:
            self.request()
        return monotonic >= self._due

    def pause(self, monotonic: float, *, is_busy: bool, is_behind: bool) -> float:
        """Seconds until the next round, unless events arrive. `is_behind`: a change of status is not stored yet."""
        if is_busy:
            return ROUND_SECONDS
        return max(ROUND_SECONDS, min(QUIET_SECONDS, self._due - monotonic, REPORT_SECONDS if is_behind else math.inf))

    def swept(self, began: float, ended: float, *, polls: bool) -> None:
        """A sweep was completed; `polls`: there is no watch."""
        wait = self._sweep_seconds
        if polls:
            wait = min(wait, LONGEST_POLL, max(SHORTEST_POLL, POLL_SHARE * (ended - began)))
        self._due = ended + wait
