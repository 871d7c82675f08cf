"""Answers to a person's own questions, kept with the record of the files that they are about."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, select, update

from storage.db import rows, saved_answer_rows
from storage.db.tables import jobs, media
from storage.description import SavedAnswer
from storage.jobs.file_presence import republish
from storage.jobs.transactions import Transactions
from storage.jobs.transitions import UNOWNED, record_events
from storage.lifecycle import JobState

SAVED = "An answer was saved with it; its sidecars are written again."


class SavedAnswers:
    """Safe to share between threads and processes."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def save(self, job_id: int, saved: SavedAnswer) -> None:
        """Keep the answer with the bytes of this job's file, in the place of one to the same question.

        The sidecars of all files with these bytes are written again. Raises NotFoundError if there is no such job.
        """
        self._transactions.write(lambda connection, now: save(connection, now, job_id, saved))

    def of(self, digests: Collection[str]) -> dict[str, tuple[SavedAnswer, ...]]:
        """The answers about these contents (some hundreds), by digest; those without any are missing."""
        return self._transactions.read(lambda connection: saved_answer_rows.of_contents(connection, digests))


def save(connection: Connection, now: datetime, job_id: int, saved: SavedAnswer) -> None:
    digest = rows.read_job(connection, job_id).digest
    media_id = connection.execute(select(media.c.id).where(media.c.digest == digest)).scalar_one()
    saved_answer_rows.replace(connection, media_id, saved)
    same_bytes = list(connection.execute(select(jobs.c.id).where(jobs.c.media_id == media_id)).scalars())
    # What is being written now may lack the answer: its claim ends, so that it is written again.
    written = (jobs.c.id.in_(same_bytes), jobs.c.state == JobState.PUBLISHING)
    restarted = connection.execute(
        update(jobs).where(*written).values(**UNOWNED, not_before=None).returning(jobs.c.id)
    ).scalars()
    if again := list(restarted):
        record_events(connection, now, again, JobState.PUBLISHING, JobState.PUBLISHING, SAVED)
    if again := republish(connection, same_bytes):
        record_events(connection, now, again, JobState.DONE, JobState.PUBLISHING, SAVED)
