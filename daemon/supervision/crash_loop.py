"""Detects a crash loop of the daemon: every start is recorded, and only a clean end clears the record."""

from __future__ import annotations

from datetime import datetime, timedelta

from storage.jobs.store import JobStore

KEY = "starts"
MAX_CRASHES = 5
WINDOW = timedelta(minutes=10)
ADVICE = "Check the log, then stop smolwatch and start it again."


class CrashLoop:
    """`now` is the time of this start."""

    def __init__(self, store: JobStore, now: datetime) -> None:
        self._store = store
        self._now = now

    def record_start(self) -> str | None:
        """The reason for safe mode, if the daemon crashed `MAX_CRASHES` times within `WINDOW`."""
        starts = (self._store.state(KEY) or {}).get("at", [])
        recent = [at for at in starts if abs(self._now - datetime.fromisoformat(at)) <= WINDOW]
        self._store.set_state(KEY, {"at": [*recent, self._now.isoformat()]})
        if len(recent) < MAX_CRASHES:
            return None
        return f"smolwatch crashed {len(recent)} times within ten minutes; files are queued, but not described"

    def record_clean_end(self) -> None:
        self._store.set_state(KEY, {"at": []})
