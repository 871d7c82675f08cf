"""From described to done: many jobs in one transaction, each guarded by its own claim. Private to storage."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, update

from storage.db import description_rows
from storage.db.tables import events, jobs
from storage.description import Description
from storage.jobs.transitions import UNOWNED, are_held
from storage.lifecycle import TRANSITIONS, JobState
from storage.records import Claim

NO_REASON: dict[str, Any] = {"cause": None, "reason_code": None, "reason": None, "detail": None}


def publish_all(connection: Connection, now: datetime, described: Sequence[tuple[Claim, Description]]) -> set[int]:
    """Store the descriptions of the jobs whose claims hold. Returns the ids of these jobs."""
    claims = [claim for claim, _ in described]
    held = move_all(connection, claims, JobState.RUNNING, JobState.PUBLISHING, NO_REASON)
    record_notes(connection, now, dict.fromkeys(sorted(held), "Described."), JobState.RUNNING, JobState.PUBLISHING)
    if held:
        description_rows.store_all(
            connection, {claim.job.id: description for claim, description in described if claim.job.id in held}
        )
    return held


def finish_all(connection: Connection, now: datetime, written: Sequence[tuple[Claim, str]]) -> set[int]:
    """The sidecars of these jobs are written; each has a note. Returns the ids of the jobs whose claims hold."""
    done = {**UNOWNED, **NO_REASON, "not_before": None, "finished_at": now}
    held = move_all(connection, [claim for claim, _ in written], JobState.PUBLISHING, JobState.DONE, done)
    notes = {claim.job.id: note for claim, note in written if claim.job.id in held}
    record_notes(connection, now, notes, JobState.PUBLISHING, JobState.DONE)
    return held


def move_all(
    connection: Connection,
    claims: Collection[Claim],
    before: JobState,
    after: JobState,
    values: Mapping[str, Any],
) -> set[int]:
    """The transition for each claim that holds, nothing for the others. Returns the ids of the moved jobs."""
    if (before, after) not in TRANSITIONS:
        raise ValueError(f"there is no transition from {before} to {after}")
    if not claims:
        return set()
    moved = connection.execute(
        update(jobs).where(are_held(claims), jobs.c.state == before).values(state=after, **values).returning(jobs.c.id)
    )
    return set(moved.scalars())


def record_notes(
    connection: Connection, now: datetime, notes: Mapping[int, str], before: JobState, after: JobState
) -> None:
    """One event for each job, with its own note."""
    if notes:
        transition = {"at": now, "before": before, "after": after}
        connection.execute(
            insert(events), [{"job_id": job_id, "note": note, **transition} for job_id, note in notes.items()]
        )
