"""Moves a job with its file, or from a Live Photo's video to its picture. Private to storage."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, exists, or_, update

from storage.db import rows
from storage.db.column_types import is_one_of
from storage.db.tables import decisions, jobs
from storage.jobs.admission import RESET
from storage.jobs.file_presence import mark_missing
from storage.jobs.transitions import record_event
from storage.lifecycle import JobState
from storage.records import Job, JobSpec, JobTask, NewFile

#: A job's state after its file was moved. A running job is left to its worker.
STATE_AFTER_MOVE: dict[JobState, JobState] = {
    JobState.QUEUED: JobState.QUEUED,
    JobState.PUBLISHING: JobState.PUBLISHING,
    JobState.DONE: JobState.PUBLISHING,  # its sidecars are written at the new place
    JobState.FAILED: JobState.FAILED,
    JobState.SKIPPED: JobState.SKIPPED,
    JobState.GONE: JobState.QUEUED,
}


def relocate(connection: Connection, now: datetime, job: Job, path: bytes, spec: JobSpec | None) -> bool:
    """The same file is at `path` now, and nothing is at the job's own path (the caller has checked).

    `spec`: what a new file there is asked; a waiting job of the intake is asked that, too.
    False, and nothing changed, when the job is claimed or has changed, or when `path` has a job of the same recipe that
    is live or newer.
    """
    after = STATE_AFTER_MOVE.get(job.state)
    if after is None:
        return False
    new_spec = spec_after_move(job, after, spec)
    path_id = rows.path_row(connection, path)
    moved = connection.execute(
        update(jobs)
        .where(
            jobs.c.id == job.id,
            jobs.c.state == job.state,
            is_one_of(jobs.c.fingerprint, [job.fingerprint]),
            jobs.c.owner.is_(None),
            ~has_other_job(path_id, replace(job, spec=new_spec)),
        )
        .values(path_id=path_id, state=after, **rows.spec_columns(new_spec), **changes(job.state, after))
    )
    if moved.rowcount == 0:
        return False
    mark_missing(connection, now, [path], unlike=job.fingerprint)  # the file that had this name before is gone
    connection.execute(delete(decisions).where(decisions.c.path_id == path_id))
    record_event(connection, now, job.id, job.state, after, f"The file was moved here from {os.fsdecode(job.path)}.")
    return True


def spec_after_move(job: Job, after: JobState, spec: JobSpec | None) -> JobSpec:
    """What the job asks at its new place, whose files are asked `spec`. A description keeps its recipe."""
    if spec is None:
        return job.spec
    waits = after is JobState.QUEUED and job.spec.task is JobTask.DESCRIBE and not job.fresh
    return replace(spec if waits else job.spec, inbox=spec.inbox, priority=job.spec.priority)


def reassign(connection: Connection, now: datetime, job: Job, file: NewFile) -> bool:
    """The queued job of a Live Photo's video is about its picture from now on: the two are one item.

    False, and nothing changed, when the job is no longer queued, or the picture has a job of its own.
    """
    path_id = rows.path_row(connection, file.path)
    media_id = rows.media_row(connection, file)
    taken = connection.execute(
        update(jobs)
        .where(
            jobs.c.id == job.id,
            jobs.c.state == JobState.QUEUED,
            is_one_of(jobs.c.fingerprint, [job.fingerprint]),
            ~has_other_job(path_id, job),
        )
        .values(**RESET, path_id=path_id, media_id=media_id, fingerprint=file.fingerprint)
    )
    if taken.rowcount == 0:
        return False
    connection.execute(delete(decisions).where(decisions.c.path_id == path_id))
    note = f"The picture of this Live Photo came: it is described in place of {os.fsdecode(job.path)}."
    record_event(connection, now, job.id, JobState.QUEUED, JobState.QUEUED, note)
    return True


def has_other_job(path_id: int, job: Job) -> ColumnElement[bool]:
    """Whether a path has a job of the same recipe that is live, or newer than `job`."""
    other = jobs.alias()
    return exists().where(
        other.c.path_id == path_id,
        other.c.task == job.spec.task,
        other.c.recipe_name == job.spec.recipe,
        or_(other.c.id > job.id, other.c.state.in_(rows.LIVE)),
    )


def changes(before: JobState, after: JobState) -> dict[str, Any]:
    if before is JobState.GONE:
        return RESET
    found: dict[str, Any] = {"missing_since": None}
    return found | ({"not_before": None, "finished_at": None} if after is JobState.PUBLISHING else {})
