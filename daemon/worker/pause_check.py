"""Whether work was paused on request, while the worker holds files."""

from __future__ import annotations

from daemon.clock import Clock
from storage.jobs.pending_work import PendingWork

CHECK_SECONDS = 1.0


class PauseCheck:
    """Reads the database at most once a second."""

    def __init__(self, pending: PendingWork, clock: Clock) -> None:
        self._pending = pending
        self._clock = clock
        self._is_paused = False
        self._due = 0.0

    def is_paused(self) -> bool:
        """As it was at the last check. Raises StorageError."""
        now = self._clock.monotonic()
        if now >= self._due:
            self._due = now + CHECK_SECONDS
            self._is_paused = self._pending.is_paused()
        return self._is_paused
