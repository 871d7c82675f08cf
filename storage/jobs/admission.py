"""Adds jobs to the queue: new files, refusals and retries on request. Private to storage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from config.errors import NotFoundError
from storage.db import description_rows, rows
from storage.db.tables import decisions, descriptions, jobs
from storage.jobs.file_presence import mark_missing
from storage.jobs.transitions import record_event, record_events
from storage.lifecycle import Cause, JobState
from storage.records import Admission, Job, JobSpec, JobTask, NewFile, Refusal

#: The columns of a job that starts over.
RESET: dict[str, Any] = {
    "attempts": 0,
    "not_before": None,
    "cause": None,
    "reason_code": None,
    "reason": None,
    "detail": None,
    "missing_since": None,
    "finished_at": None,
}

ADMITTED = "Admitted."
OTHER_BYTES = "Admitted: the file's content has changed since it was described."
ANOTHER_FILE = "Admitted: a different file than the one described under this name before."
AGAIN = "Retry requested."


def admit_all(
    connection: Connection, now: datetime, files: Sequence[NewFile], *, spec: JobSpec, model: str, max_attempts: int
) -> list[tuple[Admission, int]]:
    """Queue each file, as `spec` says, unless it is queued, running or finished already. Returns the job of each.

    The paths are distinct. Paths without earlier jobs, as in a big drop, are queued in bulk.
    """
    path_ids = rows.path_rows(connection, [file.path for file in files])
    connection.execute(delete(decisions).where(decisions.c.path_id.in_(path_ids.values())))
    known = set(connection.execute(select(jobs.c.path_id).where(jobs.c.path_id.in_(path_ids.values()))).scalars())
    new = {path_ids[file.path]: file for file in files if path_ids[file.path] not in known}
    queued = enqueue(connection, now, new, spec=spec, max_attempts=max_attempts)
    return [
        (Admission.QUEUED, queued[path_id])
        if (path_id := path_ids[file.path]) in queued
        else admit_again(connection, now, path_id, file, spec=spec, model=model, max_attempts=max_attempts)
        for file in files
    ]


def admit_again(
    connection: Connection, now: datetime, path_id: int, file: NewFile, *, spec: JobSpec, model: str, max_attempts: int
) -> tuple[Admission, int]:
    """The same for one file whose path has earlier jobs.

    If its content has changed, the other recipes that have described it describe it again.
    """
    for job in live_jobs(connection, path_id):
        if job.state is JobState.QUEUED and job.digest != file.digest:
            change_bytes(connection, now, job, file)
    others = [] if file.name_was_free else outdated(connection, path_id, file, spec)
    live = live_jobs(connection, path_id, rows.asks(spec))
    waiting = next((job for job in live if job.state is JobState.QUEUED), None)
    same = waiting or next((job for job in live if job.digest == file.digest), None)
    finished = None if live else finished_job(connection, path_id, file.digest, spec, model)
    found = same.id if same else finished
    if file.name_was_free and finished is None:
        mark_missing(connection, now, [file.path])
    for other in others:
        enqueue(connection, now, {path_id: file}, spec=other, max_attempts=max_attempts, note=OTHER_BYTES)
    if found is None:
        other_file = ANOTHER_FILE if file.name_was_free else OTHER_BYTES
        note = other_file if holds_other_bytes(connection, path_id, file, spec) else ADMITTED
        new_ids = enqueue(connection, now, {path_id: file}, spec=spec, max_attempts=max_attempts, note=note)
        return Admission.QUEUED, new_ids[path_id]
    # The same bytes may have a new time or inode: the jobs must have the fingerprint of the present file.
    about_it = [job.id for job in current_jobs(connection, path_id) if job.digest == file.digest]
    present = {"fingerprint": file.fingerprint, "missing_since": None}
    connection.execute(update(jobs).where(jobs.c.id.in_({found, *about_it})).values(**present))
    if waiting and waiting.cause is Cause.ENVIRONMENT:  # it was read just now, so the block is gone
        connection.execute(update(jobs).where(jobs.c.id == found).values(not_before=None))
    return Admission.ALREADY_QUEUED if same else Admission.ALREADY_DESCRIBED, found


def outdated(connection: Connection, path_id: int, file: NewFile, spec: JobSpec) -> list[JobSpec]:
    """The other recipes that have described this path, but not these bytes, and have no live job."""
    current = current_jobs(connection, path_id)
    return [
        job.spec
        for job in current
        if job.state is JobState.DONE
        and job.spec.task is JobTask.DESCRIBE
        and job.spec.recipe != spec.recipe
        and job.digest != file.digest
    ]


def holds_other_bytes(connection: Connection, path_id: int, file: NewFile, spec: JobSpec) -> bool:
    """Whether other bytes than these were described at this path, by the same recipe."""
    job = newest_not_gone(connection, path_id, spec)
    return job is not None and job.state is JobState.DONE and job.digest != file.digest


def live_jobs(connection: Connection, path_id: int, *where: ColumnElement[bool]) -> list[Job]:
    """The path's live jobs, of every recipe unless `where` chooses some."""
    found = connection.execute(
        rows.jobs_query().where(jobs.c.path_id == path_id, jobs.c.state.in_(rows.LIVE), *where).order_by(jobs.c.id)
    )
    return [rows.job_of(row) for row in found]


def current_jobs(connection: Connection, path_id: int) -> list[Job]:
    """The path's newest job of each recipe; those that are gone do not count."""
    newest: dict[tuple[JobTask, str], Job] = {}
    query = rows.jobs_query().where(jobs.c.path_id == path_id, jobs.c.state != JobState.GONE).order_by(jobs.c.id)
    for row in connection.execute(query):
        job = rows.job_of(row)
        newest[job.spec.task, job.spec.recipe] = job
    return list(newest.values())


def newest_not_gone(connection: Connection, path_id: int, spec: JobSpec) -> Job | None:
    row = connection.execute(
        rows.jobs_query()
        .where(jobs.c.path_id == path_id, jobs.c.state != JobState.GONE, rows.asks(spec))
        .order_by(jobs.c.id.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else rows.job_of(row)


def finished_job(connection: Connection, path_id: int, digest: str, spec: JobSpec, model: str) -> int | None:
    """The path's newest finished job of this recipe, if it is about these bytes and need not be repeated.

    A gone job does not count. A failed or skipped one would fail again: only a person retries it.
    """
    job = newest_not_gone(connection, path_id, spec)
    if job is None or job.digest != digest:
        return None
    if job.state is not JobState.DONE:
        return job.id
    same = description_rows.same_answers(digest, model, spec.recipe_digest)
    return job.id if description_rows.newest(connection, descriptions.c.job_id == job.id, *same) else None


def change_bytes(connection: Connection, now: datetime, job: Job, file: NewFile) -> None:
    """The file of a queued job has other bytes now: the job keeps its place in the queue, and starts over."""
    media_id = rows.media_row(connection, file)
    connection.execute(
        update(jobs).where(jobs.c.id == job.id).values(**RESET, media_id=media_id, fingerprint=file.fingerprint)
    )
    record_event(connection, now, job.id, job.state, job.state, "The file changed while it waited.")


def enqueue(
    connection: Connection,
    now: datetime,
    files: Mapping[int, NewFile],
    *,
    spec: JobSpec,
    max_attempts: int,
    fresh: bool = False,
    note: str = ADMITTED,
) -> dict[int, int]:
    """A new job for each file, in this order; both keyed by path id. None has a queued job of the recipe."""
    if not files:
        return {}
    media_ids = rows.media_rows(connection, list(files.values()))
    job = {"state": JobState.QUEUED, "fresh": fresh, "attempts": 0, "max_attempts": max_attempts, "token": 0}
    job |= rows.spec_columns(spec)
    new_jobs = [
        {
            **job,
            "path_id": path_id,
            "media_id": media_ids[file.digest],
            "fingerprint": file.fingerprint,
            "queued_at": now,
        }
        for path_id, file in files.items()
    ]
    connection.execute(insert(jobs), new_jobs)
    is_queued = (jobs.c.path_id.in_(files), jobs.c.state == JobState.QUEUED, rows.asks(spec))
    queued = select(jobs.c.path_id, jobs.c.id).where(*is_queued)
    job_ids = {row.path_id: row.id for row in connection.execute(queued)}
    record_events(connection, now, job_ids.values(), None, JobState.QUEUED, note)
    return job_ids


def refuse_all(connection: Connection, refusals: Sequence[Refusal]) -> None:
    """Replace the refusal of each path. The paths are distinct."""
    path_ids = rows.path_rows(connection, [refusal.path for refusal in refusals])
    connection.execute(delete(decisions).where(decisions.c.path_id.in_(path_ids.values())))
    refused = [
        {
            "path_id": path_ids[refusal.path],
            "code": refusal.code,
            "kind": refusal.kind,
            "reason": refusal.reason,
            "at": refusal.at,
            "detail": refusal.detail,
            "partner": refusal.partner,
        }
        for refusal in refusals
    ]
    connection.execute(insert(decisions), refused)


def requeue(connection: Connection, now: datetime, job_id: int) -> Job:
    """Retry a job; if its path has a newer one of its recipe, that one, since it is about the present bytes."""
    spec = rows.read_job(connection, job_id).spec
    path_id = connection.execute(select(jobs.c.path_id).where(jobs.c.id == job_id)).scalar_one()
    if live := live_jobs(connection, path_id, rows.asks(spec)):
        return live[-1]
    job = newest_not_gone(connection, path_id, spec)
    if job is None:
        raise NotFoundError(
            f"The file of job {job_id} went away.", advice="Put it back into the inbox; it is picked up automatically."
        )
    again = job.id
    if job.state is JobState.DONE:
        file = NewFile(path=job.path, fingerprint=job.fingerprint, digest=job.digest, kind=job.kind, format=job.format)
        new_ids = enqueue(
            connection, now, {path_id: file}, spec=job.spec, max_attempts=job.max_attempts, fresh=True, note=AGAIN
        )
        again = new_ids[path_id]
    else:
        start_over(connection, now, job.id, job.state)
    return rows.read_job(connection, again)


def requeue_failed(connection: Connection, now: datetime) -> int:
    """Every failed job that is its path's newest of its recipe. Returns how many."""
    later = jobs.alias()
    last = (
        select(func.max(later.c.id))
        .where(rows.same_request(later, jobs), later.c.state != JobState.GONE)
        .scalar_subquery()
    )
    failed = connection.execute(select(jobs.c.id).where(jobs.c.state == JobState.FAILED, jobs.c.id == last))
    ids = list(failed.scalars())
    for job_id in ids:
        start_over(connection, now, job_id, JobState.FAILED)
    return len(ids)


def start_over(connection: Connection, now: datetime, job_id: int, before: JobState) -> None:
    connection.execute(update(jobs).where(jobs.c.id == job_id).values(**RESET, state=JobState.QUEUED, queued_at=now))
    record_event(connection, now, job_id, before, JobState.QUEUED, AGAIN)
