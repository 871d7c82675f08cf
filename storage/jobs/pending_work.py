"""Whether there is anything to do now. Reads only, and is cheap for any number of jobs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection, and_, exists, or_, select

from storage.db import rows
from storage.db.database import Database
from storage.db.pause_state import paused_since
from storage.db.tables import jobs
from storage.errors import TransientError
from storage.jobs.dispatch import due_jobs, waiting_models
from storage.jobs.transitions import passed
from storage.lifecycle import JobState

#: Usually there are no live jobs, so this runs first; built once, since building it takes longer than running it.
LIVE = select(exists().where(or_(*(jobs.c.state == state for state in rows.LIVE))))


class PendingWork:
    """Callers poll it, so nothing here is retried."""

    def __init__(self, database: Database, clock_now: Callable[[], datetime]) -> None:
        self._database = database
        self._clock_now = clock_now

    def has_file(self, model: str | None = None) -> bool:
        """Whether a job can be claimed: a file waits for this model (None: the settings'). Raises StorageError.

        True while the database cannot be read: the claim that follows reports why.
        """
        try:
            with self._database.read() as connection:
                return is_live(connection) and bool(due_jobs(connection, self._clock_now(), model, 1))
        except TransientError:
            return True

    def is_paused(self) -> bool:
        """Whether work is paused on request, so that no job can be claimed. Raises StorageError.

        False while the database cannot be read.
        """
        try:
            with self._database.read() as connection:
                return paused_since(connection) is not None
        except TransientError:
            return False

    def models(self) -> dict[str | None, int]:
        """The models for which a file waits, each with its first file's priority. Raises StorageError."""
        with self._database.read() as connection:
            return waiting_models(connection, self._clock_now()) if is_live(connection) else {}

    def has_any(self) -> bool:
        """Whether a job can be claimed, sidecars are due, or a job is being worked on. Raises StorageError."""
        now = self._clock_now()
        publishing = and_(jobs.c.state == JobState.PUBLISHING, passed(jobs.c.not_before, now))
        with self._database.read() as connection:
            if not is_live(connection):
                return False
            begun = select(exists().where(or_(jobs.c.state == JobState.RUNNING, publishing)))
            return bool(waiting_models(connection, now)) or bool(connection.execute(begun).scalar_one())


def is_live(connection: Connection) -> bool:
    return bool(connection.execute(LIVE).scalar_one())
