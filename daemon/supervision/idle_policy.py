"""Whether an idle worker may end, and how soon to check again. Pure: the times are passed in."""

from __future__ import annotations

#: While a worker is busy, or one is needed.
BUSY_SECONDS = 0.25
#: Otherwise: a retry from the command line, or a job whose back-off is over, is found within this time. Jobs that the
#: intake admits wake the supervisor at once.
IDLE_SECONDS = 2.0
#: Checks are so many times more frequent than a lease expires, so that an expired one is noticed.
CHECKS_PER_LEASE = 8


class IdlePolicy:
    """`idle_seconds`: how long an idle worker is kept. `lease_seconds`: how long a worker may be silent."""

    def __init__(self, idle_seconds: float, lease_seconds: float) -> None:
        self._idle_seconds = idle_seconds
        self._longest = min(IDLE_SECONDS, lease_seconds / CHECKS_PER_LEASE)
        self._idle_since: float | None = None

    def record(self, has_work: bool, now: float) -> None:
        """The result of this check; `now` is monotonic."""
        if has_work:
            self._idle_since = None
        elif self._idle_since is None:
            self._idle_since = now

    def may_end(self, now: float) -> bool:
        """Whether all checks of the last `idle_seconds` found no work."""
        return self._idle_since is not None and now - self._idle_since >= self._idle_seconds

    def next_check(self, is_busy: bool) -> float:
        """Seconds until the next check. `is_busy`: something may need the supervisor soon."""
        return min(BUSY_SECONDS, self._longest) if is_busy else self._longest
