"""Whether there is anything to do now. Changes nothing, and costs little, however many jobs there are."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import ColumnElement, exists, or_, select

from storage import rows
from storage.database import Database
from storage.dispatch import next_due
from storage.lifecycle import JobState
from storage.tables import jobs
from storage.transitions import passed

#: Most often there is nothing at all: asked first, and made once, since to make a statement takes longer than to ask.
LIVE = select(exists().where(or_(*(jobs.c.state == state for state in rows.LIVE))))


class Duty:
    """Both questions raise StorageError."""

    def __init__(self, database: Database, clock_now: Callable[[], datetime]) -> None:
        self._database = database
        self._clock_now = clock_now

    def has_file(self) -> bool:
        """Whether a job could be claimed: a file waits for the model."""
        return self._is_so(lambda now: next_due(now).is_not(None))

    def has_any(self) -> bool:
        """The same, or sidecars are to be written now, or a job is being worked on."""
        running = exists().where(jobs.c.state == JobState.RUNNING)

        def is_so(now: datetime) -> ColumnElement[bool]:
            publishing = exists().where(jobs.c.state == JobState.PUBLISHING, passed(jobs.c.not_before, now))
            return or_(next_due(now).is_not(None), running, publishing)

        return self._is_so(is_so)

    def _is_so(self, what: Callable[[datetime], ColumnElement[bool]]) -> bool:
        with self._database.read() as connection:
            if not connection.execute(LIVE).scalar_one():
                return False
            return bool(connection.execute(select(what(self._clock_now()))).scalar_one())
