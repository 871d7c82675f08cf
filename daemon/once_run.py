"""When a run with --once is over, and its exit code."""

from __future__ import annotations

from datetime import datetime, timedelta

from config.errors import ModelUnavailableError, PausedError
from storage.library import Library
from storage.lifecycle import JobState

#: With --once, a job with a longer back-off than this is left for another run.
ONCE_BACKOFF = timedelta(seconds=60)


class OnceRun:
    """Decides when a run with --once is over, and its exit code."""

    def __init__(self, library: Library, started: datetime) -> None:
        self._library = library
        self._started = started
        self._before: int | None = None

    def code(self, now: datetime) -> int | None:
        """0: all is described; 1: a job failed, or has a long back-off; None: there is work left.

        The end must be seen at two consecutive checks: a changed file passes from worker to intake in between.
        Raises ModelUnavailableError when jobs wait for a model that is not there, PausedError while work is paused.
        """
        before, self._before = self._before, self._current_code(now)
        return self._before if before == self._before else None

    def _current_code(self, now: datetime) -> int | None:
        counts = self._library.counts()
        live = counts[JobState.QUEUED] + counts[JobState.RUNNING] + counts[JobState.PUBLISHING]
        if not live:
            return 1 if self._library.count_failed(self._started) else 0
        if counts[JobState.RUNNING]:
            return None
        engine = self._library.status.engine()
        if engine.state == "unavailable" and counts[JobState.QUEUED]:
            raise ModelUnavailableError(engine.reason or "", advice=engine.advice or "")
        if counts[JobState.QUEUED] and self._library.status.paused_since() is not None:
            raise PausedError
        return None if self._library.count_due(now + ONCE_BACKOFF) else 1
