"""One transition of a job = one guarded UPDATE and one event, in the caller's transaction. Private to storage."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, and_, exists, insert, or_, select, tuple_, update

from storage.db import rows
from storage.db.tables import events, jobs
from storage.lifecycle import TRANSITIONS, JobState
from storage.records import Claim

#: The longest lease or wait. One that seems longer was written before the clock was set back.
MAX_WAIT = timedelta(hours=1)

#: Ends the current claim: its token no longer matches.
UNOWNED: dict[str, Any] = {"owner": None, "lease_until": None, "token": jobs.c.token + 1}


def in_seconds(now: datetime, seconds: float) -> datetime:
    return now + min(timedelta(seconds=seconds), MAX_WAIT)


def passed(moment: Column[datetime], now: datetime) -> ColumnElement[bool]:
    return or_(moment.is_(None), moment <= now, moment > now + MAX_WAIT)


def are_held(claims: Collection[Claim]) -> ColumnElement[bool]:
    """Whether a job is that of one of these claims, and the claim still holds."""
    pairs = tuple_(jobs.c.id, jobs.c.token).in_([(claim.job.id, claim.token) for claim in claims])
    # The ids alone, too: SQLite uses the index for them, but not for pairs.
    return and_(jobs.c.id.in_([claim.job.id for claim in claims]), pairs)


def record_event(
    connection: Connection, now: datetime, job_id: int, before: JobState | None, after: JobState, note: str
) -> None:
    record_events(connection, now, [job_id], before, after, note)


def record_events(
    connection: Connection,
    now: datetime,
    job_ids: Iterable[int],
    before: JobState | None,
    after: JobState,
    note: str,
) -> None:
    """One event for each job, with the same note."""
    transition = {"at": now, "before": before, "after": after, "note": note}
    connection.execute(insert(events), [{"job_id": job_id, **transition} for job_id in job_ids])


def move(
    connection: Connection,
    now: datetime,
    claim: Claim,
    before: JobState,
    after: JobState,
    note: str | None,
    **values: Any,
) -> bool:
    """Make the transition if the claim holds; else False, and nothing changed.

    Without a note no event is written: the same one was written before.
    """
    if before is not after and (before, after) not in TRANSITIONS:
        raise ValueError(f"there is no transition from {before} to {after}")
    if after.is_final():
        values = {**UNOWNED, "not_before": None, "finished_at": now, **values}
    moved = connection.execute(
        update(jobs)
        .where(jobs.c.id == claim.job.id, jobs.c.token == claim.token, jobs.c.state == before)
        .values(state=after, **values)
    )
    if moved.rowcount == 0:
        return False
    if note is not None:
        record_event(connection, now, claim.job.id, before, after, note)
    return True


def back_to_queue(connection: Connection, now: datetime, claim: Claim, note: str, **values: Any) -> bool:
    """running → queued; or gone, when newer bytes of the same path are queued: the old ones no longer exist."""
    waiting = jobs.alias()
    newer = exists().where(
        jobs.c.id == claim.job.id, rows.same_request(waiting, jobs), waiting.c.state == JobState.QUEUED
    )
    replaced = connection.execute(select(newer)).scalar()
    if replaced:
        note = f"{note} A newer version of the file is queued already."
        return move(connection, now, claim, JobState.RUNNING, JobState.GONE, note, reason_code="replaced", reason=note)
    return move(connection, now, claim, JobState.RUNNING, JobState.QUEUED, note, **UNOWNED, **values)
