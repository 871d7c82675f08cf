"""Described files that a person has described again. Private to storage."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, exists, func, select

from storage.db import rows
from storage.db.tables import descriptions, jobs
from storage.jobs.admission import enqueue
from storage.lifecycle import JobState
from storage.records import Job, JobSpec, JobTask, NewFile

#: After new files: what is described already can wait.
REDO_PRIORITY = 10
REQUESTED = "Requested again by recipe {}."


def describable(connection: Connection, spec: JobSpec, *, changed_for: str | None) -> list[Job]:
    """The newest done job of each file that is there, unless its file has a live job of this recipe; oldest first.

    `changed_for`, a model's "id@revision": only files that lack a description by this model and this recipe's digest.
    """
    done = (jobs.c.task == JobTask.DESCRIBE, jobs.c.state == JobState.DONE, jobs.c.missing_since.is_(None))
    newest = select(func.max(jobs.c.id)).where(*done).group_by(jobs.c.path_id)
    conditions = [jobs.c.id.in_(newest), ~has_live_job(spec)]
    if changed_for is not None:
        conditions.append(~is_described(spec, changed_for))
    return [rows.job_of(row) for row in connection.execute(rows.jobs_query().where(*conditions).order_by(jobs.c.id))]


def describe_again(connection: Connection, now: datetime, job_ids: Collection[int], spec: JobSpec) -> int:
    """A new job by this recipe for the file of each of these done jobs (some hundreds). Returns how many.

    Left out: jobs that are no longer done, or whose file has a live job of this recipe by now.
    """
    still = (jobs.c.id.in_(job_ids), jobs.c.state == JobState.DONE, ~has_live_job(spec))
    found = connection.execute(rows.jobs_query().where(*still).order_by(jobs.c.id)).all()
    by_inbox: dict[str, dict[int, NewFile]] = {}
    for row in found:
        job = rows.job_of(row)
        file = NewFile(path=job.path, fingerprint=job.fingerprint, digest=job.digest, kind=job.kind, format=job.format)
        by_inbox.setdefault(job.spec.inbox, {})[row.path_id] = file
    note, attempts = REQUESTED.format(spec.recipe), max((row.max_attempts for row in found), default=1)
    for inbox, files in by_inbox.items():
        asked = replace(spec, inbox=inbox, priority=REDO_PRIORITY)
        enqueue(connection, now, files, spec=asked, max_attempts=attempts, fresh=True, note=note)
    return sum(map(len, by_inbox.values()))


def has_live_job(spec: JobSpec) -> ColumnElement[bool]:
    """Whether the job's path has a live job of this recipe."""
    live = jobs.alias()
    return exists().where(
        live.c.path_id == jobs.c.path_id,
        live.c.task == spec.task,
        live.c.recipe_name == spec.recipe,
        live.c.state.in_(rows.LIVE),
    )


def is_described(spec: JobSpec, model: str) -> ColumnElement[bool]:
    """Whether the job's path has a description of the job's bytes by this model and this recipe's digest."""
    other = jobs.alias()
    same = and_(other.c.path_id == jobs.c.path_id, other.c.media_id == jobs.c.media_id)
    return (
        select(descriptions.c.id)
        .join(other, other.c.id == descriptions.c.job_id)
        .where(
            same,
            descriptions.c.model_id + "@" + descriptions.c.revision == model,
            descriptions.c.recipe_digest == spec.recipe_digest,
        )
        .correlate(jobs)
        .exists()
    )
