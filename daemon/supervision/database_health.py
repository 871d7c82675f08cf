"""The database's health, with a note that `smolwatch status` can read even when the database takes no writes."""

from __future__ import annotations

import threading
from collections.abc import Callable

from daemon.clock import Clock
from daemon.episode import Episode, State, log_lines
from storage.db.database import Database
from storage.errors import StorageError

CHECK_SECONDS = 5.0


class DatabaseHealth:
    """`write_note` stores a sentence in the lock file, "" when all is well.

    `check` is for the main thread, `record` for any thread.
    """

    def __init__(self, database: Database, clock: Clock, write_note: Callable[[str], None]) -> None:
        self._database = database
        self._clock = clock
        self._write_note = write_note
        self._note = ""
        self._episode = Episode()
        self._lock = threading.Lock()
        self._check_due = 0.0

    def check(self) -> None:
        """Call often; checks every five seconds. Raises StorageError while the database cannot take writes."""
        if self._clock.monotonic() < self._check_due:
            return
        self._check_due = self._clock.monotonic() + CHECK_SECONDS
        self._database.check_room()
        self._database.hold_daemon_lock()
        if self._note:  # only a write shows that the problem is over; without one, an idle disk may sleep
            self._database.check_writing()
            self._set_note("")
        else:
            self._database.check_lock()
        with self._lock:
            log_lines(self._episode.off(self._clock.monotonic()))

    def record(self, error: StorageError) -> None:
        """A write has failed."""
        if str(error) != self._note:
            self._set_note(str(error))
        state = State(type(error).__name__, f"The database is unavailable: {error}", "The database is available again")
        with self._lock:
            log_lines(self._episode.on(state, self._clock.monotonic()))

    def _set_note(self, text: str) -> None:
        self._note = text
        self._write_note(text)
