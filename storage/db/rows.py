"""Rows as records, and look-ups shared within storage. Private to storage."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, TypeVar

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    FromClause,
    Row,
    Select,
    Table,
    and_,
    bindparam,
    delete,
    insert,
    select,
)

from config.errors import NotFoundError
from storage.db.tables import daemon_state, decisions, events, jobs, media, paths
from storage.lifecycle import Cause, JobState
from storage.records import Claim, Job, JobEvent, JobSpec, JobTask, MediaKind, NewFile, Refusal

K = TypeVar("K", bytes, str)

LIVE = (JobState.QUEUED, JobState.RUNNING, JobState.PUBLISHING)


def jobs_query() -> Select[Any]:
    """Jobs joined with their path and media rows."""
    return (
        select(jobs, paths.c.path, media.c.digest, media.c.kind, media.c.format)
        .join(paths, paths.c.id == jobs.c.path_id)
        .join(media, media.c.id == jobs.c.media_id)
    )


#: Built once: it runs often, and building it takes longer than running it.
JOBS = jobs_query().where(jobs.c.id.in_(bindparam("ids", expanding=True)))


def same_request(one: FromClause, other: FromClause) -> ColumnElement[bool]:
    """Whether two jobs ask the same about one path: then the newer replaces the older."""
    return and_(one.c.path_id == other.c.path_id, one.c.task == other.c.task, one.c.recipe_name == other.c.recipe_name)


def asks(spec: JobSpec, job: FromClause = jobs) -> ColumnElement[bool]:
    """Whether a job has the spec's task and recipe."""
    return and_(job.c.task == spec.task, job.c.recipe_name == spec.recipe)


def spec_columns(spec: JobSpec) -> dict[str, Any]:
    return {
        "task": spec.task,
        "recipe_name": spec.recipe,
        "recipe_digest": spec.recipe_digest,
        "inbox": spec.inbox,
        "priority": spec.priority,
        "model_detail": spec.detail or "",
    }


def spec_of(row: Row[Any]) -> JobSpec:
    return JobSpec(
        task=JobTask(row.task),
        recipe=row.recipe_name,
        recipe_digest=row.recipe_digest,
        inbox=row.inbox,
        priority=row.priority,
        detail=row.model_detail or None,
    )


def job_of(row: Row[Any]) -> Job:
    return Job(
        id=row.id,
        path=row.path,
        kind=MediaKind(row.kind),
        format=row.format,
        digest=row.digest,
        fingerprint=row.fingerprint,
        spec=spec_of(row),
        state=JobState(row.state),
        attempts=row.attempts,
        max_attempts=row.max_attempts,
        not_before=row.not_before,
        queued_at=row.queued_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        cause=Cause(row.cause) if row.cause else None,
        reason_code=row.reason_code,
        reason=row.reason,
        detail=row.detail,
        missing_since=row.missing_since,
        fresh=row.fresh,
    )


def read_job(connection: Connection, job_id: int) -> Job:
    row = connection.execute(jobs_query().where(jobs.c.id == job_id)).one_or_none()
    if row is None:
        raise NotFoundError(f"There is no job {job_id}.", advice="List the jobs with: smolwatch ls")
    return job_of(row)


def read_claim(connection: Connection, job_id: int) -> Claim:
    return read_claims(connection, [job_id])[0]


def read_claims(connection: Connection, job_ids: Collection[int]) -> list[Claim]:
    """The claims on some hundreds of jobs, in any order."""
    found = connection.execute(JOBS, {"ids": list(job_ids)})
    return [Claim(job=job_of(row), token=row.token, owner=row.owner) for row in found]


def read_events(connection: Connection, job_id: int) -> list[JobEvent]:
    found = connection.execute(select(events).where(events.c.job_id == job_id).order_by(events.c.id))
    return [
        JobEvent(
            at=row.at,
            job_id=row.job_id,
            before=JobState(row.before) if row.before else None,
            after=JobState(row.after),
            note=row.note,
        )
        for row in found
    ]


def read_refusals(connection: Connection, refused: Sequence[bytes]) -> dict[bytes, Refusal]:
    found = connection.execute(
        select(decisions, paths.c.path).join(paths, paths.c.id == decisions.c.path_id).where(paths.c.path.in_(refused))
    )
    return {row.path: refusal_of(row) for row in found}


def refusal_of(row: Row[Any]) -> Refusal:
    return Refusal(
        path=row.path,
        code=row.code,
        reason=row.reason,
        at=row.at,
        kind=row.kind,
        detail=row.detail,
        partner=row.partner,
    )


#: Built once, as `JOBS`.
STATE = select(daemon_state.c.value).where(daemon_state.c.key == bindparam("key"))


def read_state(connection: Connection, key: str) -> dict[str, Any] | None:
    found = connection.execute(STATE, {"key": key}).scalar()
    return None if found is None else dict(found)


def write_state(connection: Connection, key: str, value: dict[str, Any]) -> None:
    connection.execute(delete(daemon_state).where(daemon_state.c.key == key))
    connection.execute(insert(daemon_state).values(key=key, value=value))


def path_row(connection: Connection, path: bytes) -> int:
    """The path's id, inserted if it is new."""
    return path_rows(connection, [path])[path]


def media_row(connection: Connection, file: NewFile) -> int:
    """The content's id, inserted if it is new."""
    return media_rows(connection, [file])[file.digest]


def path_rows(connection: Connection, all_paths: Sequence[bytes]) -> dict[bytes, int]:
    """The id of every path, inserted if it is new."""
    return find_or_insert(connection, paths, paths.c.path, {path: {"path": path} for path in all_paths})


def media_rows(connection: Connection, files: Sequence[NewFile]) -> dict[str, int]:
    """The id of every content by digest, inserted if it is new."""
    known = {
        file.digest: {
            "digest": file.digest,
            "bytes": file.fingerprint.size,
            "kind": file.kind,
            "format": file.format,
            "live_id": file.live_id,
        }
        for file in files
    }
    return find_or_insert(connection, media, media.c.digest, known)


def find_or_insert(
    connection: Connection, table: Table, key: Column[K], wanted: dict[K, dict[str, Any]]
) -> dict[K, int]:
    """The ids of the rows with these unique keys. Safe, since a write transaction excludes others from its start."""
    found = ids_of(connection, table, key, wanted)
    new = [key for key in wanted if key not in found]
    if new:
        connection.execute(insert(table), [wanted[key] for key in new])
        found |= ids_of(connection, table, key, new)
    return found


def ids_of(connection: Connection, table: Table, key: Column[K], wanted: Collection[K]) -> dict[K, int]:
    return {row[0]: row[1] for row in connection.execute(select(key, table.c.id).where(key.in_(wanted)))}
