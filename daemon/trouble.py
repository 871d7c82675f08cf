"""Trouble with the database, and the word about it that status finds even when nothing can be written there."""

from __future__ import annotations

from collections.abc import Callable

from loguru import logger

from daemon.clock import Clock
from storage.database import Database
from storage.errors import StorageError

LOOK_SECONDS = 5.0


class Trouble:
    """`tell` leaves a sentence beside the lock, "" when all is well."""

    def __init__(self, database: Database, clock: Clock, tell: Callable[[str], None]) -> None:
        self._database = database
        self._clock = clock
        self._tell = tell
        self._told = ""
        self._look_due = 0.0

    def look(self) -> None:
        """Asked often; looks every five seconds. Raises StorageError while nothing can be, or should be, written."""
        if self._clock.monotonic() < self._look_due:
            return
        self._look_due = self._clock.monotonic() + LOOK_SECONDS
        self._database.check_room()
        self._database.keep_others_out()
        if self._told:  # only a write shows that this is over; without trouble, an idle disk may sleep
            self._database.check_writing()
            self._say("")
            logger.info("The database can be used again")
        else:
            self._database.check_lock()

    def meet(self, error: StorageError) -> None:
        """Something could not be written."""
        if str(error) != self._told:
            logger.warning("The database cannot be used now: {}", error)
            self._say(str(error))

    def _say(self, text: str) -> None:
        self._told = text
        self._tell(text)
