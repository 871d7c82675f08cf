"""How a job goes along with its file, when that was moved or renamed, and is published anew. Private to storage."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, exists, or_, update

from storage import rows
from storage.admission import ANEW
from storage.lifecycle import JobState
from storage.records import Job
from storage.tables import decisions, jobs
from storage.transitions import record, record_all

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
    there = jobs.alias()
    taken = exists().where(there.c.path_id == path_id, or_(there.c.id > job.id, there.c.state.in_(rows.LIVE)))
    moved = connection.execute(
        update(jobs)
        .where(
            jobs.c.id == job.id,
            jobs.c.state == job.state,
            jobs.c.fingerprint == job.fingerprint,
            jobs.c.owner.is_(None),
            ~taken,
        )
        .values(path_id=path_id, state=after, **changes(job.state, after))
    )
    if moved.rowcount == 0:
        return False
    connection.execute(delete(decisions).where(decisions.c.path_id == path_id))
    record(connection, now, job.id, job.state, after, f"The file was moved here from {os.fsdecode(job.path)}.")
    return True


def publish_again(connection: Connection, now: datetime, job_ids: Sequence[int], note: str) -> list[int]:
    """done → publishing, so that the sidecars are written anew; which of the jobs.

    Those that are not done, or whose path has a job that waits or is newer, stay as they are.
    """
    there = jobs.alias()
    newer = exists().where(there.c.path_id == jobs.c.path_id, or_(there.c.id > jobs.c.id, there.c.state.in_(rows.LIVE)))
    again = connection.execute(
        update(jobs)
        .where(jobs.c.id.in_(job_ids), jobs.c.state == JobState.DONE, ~newer)
        .values(state=JobState.PUBLISHING, **changes(JobState.DONE, JobState.PUBLISHING))
        .returning(jobs.c.id)
    )
    ids = sorted(again.scalars())
    if ids:
        record_all(connection, now, ids, JobState.DONE, JobState.PUBLISHING, note)
    return ids


def changes(before: JobState, after: JobState) -> dict[str, Any]:
    if before is JobState.GONE:
        return ANEW
    return {"not_before": None, "finished_at": None} if after is JobState.PUBLISHING else {}
