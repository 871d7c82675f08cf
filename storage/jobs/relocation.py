"""How a job goes along with its moved file or over to another, and is published again. Private to storage."""

from __future__ import annotations

import os
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, exists, or_, update

from storage.db import rows
from storage.db.column_types import is_one_of
from storage.db.tables import decisions, jobs
from storage.jobs.admission import ANEW
from storage.jobs.file_presence import mark
from storage.jobs.transitions import record
from storage.lifecycle import JobState
from storage.records import Job, NewFile

#: Where a job goes on when its file stands elsewhere. One that is worked on is left to its worker.
GOES_ON: dict[JobState, JobState] = {
    JobState.QUEUED: JobState.QUEUED,
    JobState.PUBLISHING: JobState.PUBLISHING,
    JobState.DONE: JobState.PUBLISHING,  # its sidecars are written at the new place
    JobState.FAILED: JobState.FAILED,
    JobState.SKIPPED: JobState.SKIPPED,
    JobState.GONE: JobState.QUEUED,
}


def follow(connection: Connection, now: datetime, job: Job, path: bytes) -> bool:
    """The same bytes in the same file stand at `path` now (the caller knows), and nothing stands at the job's own path.

    False, and nothing changed, when the job is worked on or is no longer as it was, or when `path` has a job of its
    own that waits or is newer.
    """
    after = GOES_ON.get(job.state)
    if after is None:
        return False
    path_id = rows.path_row(connection, path)
    moved = connection.execute(
        update(jobs)
        .where(
            jobs.c.id == job.id,
            jobs.c.state == job.state,
            is_one_of(jobs.c.fingerprint, [job.fingerprint]),
            jobs.c.owner.is_(None),
            ~has_its_own(path_id, job),
        )
        .values(path_id=path_id, state=after, **changes(job.state, after))
    )
    if moved.rowcount == 0:
        return False
    mark(connection, now, [path], unlike=job.fingerprint)  # the file that had this name before is gone
    connection.execute(delete(decisions).where(decisions.c.path_id == path_id))
    record(connection, now, job.id, job.state, after, f"The file was moved here from {os.fsdecode(job.path)}.")
    return True


def take_over(connection: Connection, now: datetime, job: Job, file: NewFile) -> bool:
    """The waiting job of a Live Photo's moving half is about its picture from now on: the two are one item.

    False, and nothing changed, when the job no longer waits, or the picture has a job of its own.
    """
    path_id = rows.path_row(connection, file.path)
    media_id = rows.media_row(connection, file)
    taken = connection.execute(
        update(jobs)
        .where(
            jobs.c.id == job.id,
            jobs.c.state == JobState.QUEUED,
            is_one_of(jobs.c.fingerprint, [job.fingerprint]),
            ~has_its_own(path_id, job),
        )
        .values(**ANEW, path_id=path_id, media_id=media_id, fingerprint=file.fingerprint)
    )
    if taken.rowcount == 0:
        return False
    connection.execute(delete(decisions).where(decisions.c.path_id == path_id))
    note = f"The picture of this Live Photo came: it is described in place of {os.fsdecode(job.path)}."
    record(connection, now, job.id, JobState.QUEUED, JobState.QUEUED, note)
    return True


def has_its_own(path_id: int, job: Job) -> ColumnElement[bool]:
    """Whether a path has a job that waits, is worked on, or is newer than `job`."""
    there = jobs.alias()
    return exists().where(there.c.path_id == path_id, or_(there.c.id > job.id, there.c.state.in_(rows.LIVE)))


def changes(before: JobState, after: JobState) -> dict[str, Any]:
    if before is JobState.GONE:
        return ANEW
    found: dict[str, Any] = {"missing_since": None}
    return found | ({"not_before": None, "finished_at": None} if after is JobState.PUBLISHING else {})
