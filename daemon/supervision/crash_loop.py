"""Detects a crash loop of the daemon: every start is recorded, and only a clean end clears the record."""

from __future__ import annotations

from datetime import datetime, timedelta

from storage.status.board import StatusBoard
from storage.status.values import StartsStatus

MAX_CRASHES = 5
WINDOW = timedelta(minutes=10)
ADVICE = "Check the log, then stop smolwatch and start it again."


class CrashLoop:
    """`now` is the time of this start."""

    def __init__(self, board: StatusBoard, now: datetime) -> None:
        self._board = board
        self._now = now

    def record_start(self) -> str | None:
        """The reason for safe mode, if the daemon crashed `MAX_CRASHES` times within `WINDOW`."""
        recent = [at for at in self._board.starts().at if abs(self._now - at) <= WINDOW]
        self._board.post(StartsStatus(at=(*recent, self._now)))
        if len(recent) < MAX_CRASHES:
            return None
        return f"smolwatch crashed {len(recent)} times within ten minutes; files are queued, but not described"

    def record_clean_end(self) -> None:
        self._board.post(StartsStatus())
