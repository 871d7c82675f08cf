"""Whether the daemon died too often of late. Each start leaves a word that only a clean end takes back."""

from __future__ import annotations

from datetime import datetime, timedelta

from storage.jobs.store import JobStore

KEY = "starts"
MOST = 5
WITHIN = timedelta(minutes=10)
ADVICE = "Look into the log; then stop smolwatch and start it again."


class CrashLoop:
    """`now` is the time of this start."""

    def __init__(self, store: JobStore, now: datetime) -> None:
        self._store = store
        self._now = now

    def start(self) -> str | None:
        """Note this start. Why the daemon should rest, if it died as often as this within ten minutes."""
        said = (self._store.state(KEY) or {}).get("at", [])
        before = [at for at in said if abs(self._now - datetime.fromisoformat(at)) <= WITHIN]
        self._store.set_state(KEY, {"at": [*before, self._now.isoformat()]})
        if len(before) < MOST:
            return None
        return f"smolwatch died {len(before)} times within ten minutes; it watches and queues, and describes nothing"

    def end_cleanly(self) -> None:
        self._store.set_state(KEY, {"at": []})
