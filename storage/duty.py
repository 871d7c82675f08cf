"""Whether there is anything to do now. Changes nothing, and costs little, however many jobs there are."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import exists, or_, select

from storage.database import Database
from storage.dispatch import next_due
from storage.lifecycle import JobState
from storage.tables import jobs
from storage.transitions import passed


class Duty:
    """Both questions raise StorageError."""

    def __init__(self, database: Database, clock_now: Callable[[], datetime]) -> None:
        self._database = database
        self._clock_now = clock_now

    def has_file(self) -> bool:
        """Whether a job could be claimed: a file waits for the model."""
        with self._database.read() as connection:
            return connection.execute(select(next_due(self._clock_now()).is_not(None))).scalar_one()

    def has_any(self) -> bool:
        """The same, or sidecars are to be written now, or are being written."""
        now = self._clock_now()
        publishing = exists().where(jobs.c.state == JobState.PUBLISHING, passed(jobs.c.not_before, now))
        with self._database.read() as connection:
            return connection.execute(select(or_(next_due(now).is_not(None), publishing))).scalar_one()
