"""Trouble with the database, and the word about it that status finds even when nothing can be written there."""

from __future__ import annotations

import threading
from collections.abc import Callable

from daemon.clock import Clock
from daemon.episode import Episode, State, log_lines
from storage.db.database import Database
from storage.errors import StorageError

LOOK_SECONDS = 5.0


class DatabaseHealth:
    """`note` leaves a sentence beside the lock, "" when all is well. The main thread may `look`, any may `meet`."""

    def __init__(self, database: Database, clock: Clock, note: Callable[[str], None]) -> None:
        self._database = database
        self._clock = clock
        self._note = note
        self._told = ""
        self._episode = Episode()
        self._lock = threading.Lock()
        self._look_due = 0.0

    def look(self) -> None:
        """Asked often; looks every five seconds. Raises StorageError while nothing can be, or should be, written."""
        if self._clock.monotonic() < self._look_due:
            return
        self._look_due = self._clock.monotonic() + LOOK_SECONDS
        self._database.check_room()
        self._database.hold_daemon_lock()
        if self._told:  # only a write shows that this is over; without trouble, an idle disk may sleep
            self._database.check_writing()
            self._say("")
        else:
            self._database.check_lock()
        with self._lock:
            log_lines(self._episode.off(self._clock.monotonic()))

    def meet(self, error: StorageError) -> None:
        """Something could not be written."""
        if str(error) != self._told:
            self._say(str(error))
        state = State(
            type(error).__name__, f"The database cannot be used now: {error}", "The database can be used again"
        )
        with self._lock:
            log_lines(self._episode.on(state, self._clock.monotonic()))

    def _say(self, text: str) -> None:
        self._told = text
        self._note(text)
