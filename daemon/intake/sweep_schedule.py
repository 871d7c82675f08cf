"""When the inbox is listed next, and when it is looked after at all. Pure: the times are passed in."""

from __future__ import annotations

import math

from daemon.intake.intake_status import REPORT_SECONDS

#: Between two rounds while anything settles, or is heard of.
ROUND_SECONDS = 0.25
#: Between two rounds while nothing happens: a watch that has died, a disk that went away and a sleep tell nobody.
QUIET_SECONDS = 5.0
#: After a failure of the database or the inbox, before the next try.
PAUSE_SECONDS = 3.0
#: When the wall clock runs ahead of the monotonic one by more, the machine slept, and events were lost.
SLEPT_SECONDS = 30.0
#: Without a watch, the inbox is listed this often at most and at least; and listing takes a twentieth of the time.
SHORTEST_POLL = 2.0
LONGEST_POLL = 60.0
POLL_SHARE = 20
#: Looking at what settles takes a tenth of the time at most, however much that is.
LOOK_SHARE = 10
#: Admitting pauses after this long, so that the watch and a stop are not kept waiting by a big backlog.
BUSY_SECONDS = 0.5
#: So many files are admitted at once.
BATCH = 500


class SweepSchedule:
    """Due at once, after a sleep, when asked for, and every `sweep_seconds`; more often while nothing is watched."""

    def __init__(self, sweep_seconds: float) -> None:
        self._sweep_seconds = sweep_seconds
        self._due = float("-inf")
        self._gap: float | None = None

    def request(self) -> None:
        """The next look at the clock finds it due."""
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
        """Seconds until the next round, unless something is heard of. `is_behind`: status is to be written soon."""
        if is_busy:
            return ROUND_SECONDS
        return max(ROUND_SECONDS, min(QUIET_SECONDS, self._due - monotonic, REPORT_SECONDS if is_behind else math.inf))

    def swept(self, began: float, ended: float, *, polls: bool) -> None:
        """The inbox was listed whole; `polls`: nothing watches it."""
        wait = self._sweep_seconds
        if polls:
            wait = min(wait, LONGEST_POLL, max(SHORTEST_POLL, POLL_SHARE * (ended - began)))
        self._due = ended + wait
