"""Whether a worker is needed, whether it may go, and how soon to look again. Pure: the times are passed in."""

from __future__ import annotations

#: While there is work under way.
QUICK_SECONDS = 0.25
#: While there is none: a retry from the command line, or a file whose time has come, is found within this long. What
#: the intake admits is not waited for.
IDLE_SECONDS = 2.0
#: A silent worker is noticed by looks that follow one another much faster than its lease runs out.
LEASE_SHARE = 8


class IdlePolicy:
    """`idle_seconds`: how long a worker without work is kept. `lease_seconds`: how long one may be silent."""

    def __init__(self, idle_seconds: float, lease_seconds: float) -> None:
        self._idle_seconds = idle_seconds
        self._longest = min(IDLE_SECONDS, lease_seconds / LEASE_SHARE)
        self._idle_since: float | None = None

    def note(self, has_work: bool, now: float) -> None:
        """What was found at this look; `now` is monotonic."""
        if has_work:
            self._idle_since = None
        elif self._idle_since is None:
            self._idle_since = now

    def may_end(self, now: float) -> bool:
        """Whether there was nothing to do at each look, for as long as a worker is kept then."""
        return self._idle_since is not None and now - self._idle_since >= self._idle_seconds

    def look_again(self, is_at_work: bool) -> float:
        """Seconds until the next look. `is_at_work`: something is under way that may need one soon."""
        return min(QUICK_SECONDS, self._longest) if is_at_work else self._longest
