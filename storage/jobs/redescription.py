"""Described files that a person has described again. Private to storage."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, exists, func, select, true, update

from storage.db import rows
from storage.db.origin_rows import differs_from, newest_origin
from storage.db.tables import descriptions, jobs
from storage.jobs.admission import enqueue
from storage.jobs.transitions import record_events
from storage.lifecycle import JobState
from storage.origin import Origin
from storage.records import AnswerKey, Job, JobSpec, JobTask, NewFile

#: After new files: what is described already can wait.
REDO_PRIORITY = 10
REQUESTED = "Requested again by recipe {}."


def describable(connection: Connection, spec: JobSpec, *, changed_for: AnswerKey | None) -> list[Job]:
    """The newest done job of each file that is there, unless its file waits for this already; oldest first.

    `changed_for`: only files that lack a description with this key and the origin of the model's newest one.
    """
    done = (jobs.c.task == JobTask.DESCRIBE, jobs.c.state == JobState.DONE, jobs.c.missing_since.is_(None))
    newest = select(func.max(jobs.c.id)).where(*done).group_by(jobs.c.path_id)
    conditions = [jobs.c.id.in_(newest), ~has_live_job(spec)]
    if changed_for is not None:
        conditions.append(~is_described(changed_for, newest_origin(connection, changed_for.model_id)))
    return [rows.job_of(row) for row in connection.execute(rows.jobs_query().where(*conditions).order_by(jobs.c.id))]


def describe_again(connection: Connection, now: datetime, job_ids: Collection[int], spec: JobSpec) -> int:
    """The file of each of these done jobs (some hundreds) is described again by this recipe. Returns how many.

    A queued job of the recipe changes its detail and model; else there is a new job. Left out: jobs that are no longer
    done, or whose file waits for this already.
    """
    still = (jobs.c.id.in_(job_ids), jobs.c.state == JobState.DONE, ~has_live_job(spec))
    found = connection.execute(rows.jobs_query().where(*still).order_by(jobs.c.id)).all()
    note, attempts = REQUESTED.format(spec.recipe), max((row.max_attempts for row in found), default=1)
    changed = change_queued(connection, now, {row.path_id for row in found}, spec, note)
    by_inbox: dict[str, dict[int, NewFile]] = {}
    for row in found:
        job = rows.job_of(row)
        file = NewFile(path=job.path, fingerprint=job.fingerprint, digest=job.digest, kind=job.kind, format=job.format)
        if row.path_id not in changed:
            by_inbox.setdefault(job.spec.inbox, {})[row.path_id] = file
    for inbox, files in by_inbox.items():
        asked = replace(spec, inbox=inbox, priority=REDO_PRIORITY)
        enqueue(connection, now, files, spec=asked, max_attempts=attempts, fresh=True, note=note)
    return len(found)


def change_queued(
    connection: Connection, now: datetime, path_ids: Collection[int], spec: JobSpec, note: str
) -> set[int]:
    """The queued jobs of this recipe get the spec's digest, detail and model. Returns their paths."""
    queued = (jobs.c.path_id.in_(path_ids), jobs.c.state == JobState.QUEUED, rows.asks(spec))
    found = {row.id: row.path_id for row in connection.execute(select(jobs.c.id, jobs.c.path_id).where(*queued))}
    if found:
        columns = rows.spec_columns(spec)
        requested = {name: columns[name] for name in ("recipe_digest", "model_detail", "model_name")}
        connection.execute(update(jobs).where(jobs.c.id.in_(found)).values(**requested, fresh=True))
        record_events(connection, now, found, JobState.QUEUED, JobState.QUEUED, note)
    return set(found.values())


def has_live_job(spec: JobSpec) -> ColumnElement[bool]:
    """Whether the job's path has a live job of this recipe, detail and model."""
    live = jobs.alias()
    return exists().where(
        live.c.path_id == jobs.c.path_id,
        live.c.task == spec.task,
        live.c.recipe_name == spec.recipe,
        live.c.model_detail == (spec.detail or ""),
        live.c.model_name == (spec.model or ""),
        live.c.state.in_(rows.LIVE),
    )


def is_described(key: AnswerKey, origin: Origin | None) -> ColumnElement[bool]:
    """Whether the job's path has a description of the job's bytes with this key and, as far as known, this origin."""
    other = jobs.alias()
    same = and_(other.c.path_id == jobs.c.path_id, other.c.media_id == jobs.c.media_id)
    return (
        select(descriptions.c.id)
        .join(other, other.c.id == descriptions.c.job_id)
        .where(
            same,
            descriptions.c.model_id + "@" + descriptions.c.revision == key.model,
            descriptions.c.recipe_digest == key.recipe,
            descriptions.c.detail == key.detail,
            true() if origin is None else ~differs_from(origin),
        )
        .correlate(jobs)
        .exists()
    )
