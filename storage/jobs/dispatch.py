"""Selects the queued jobs to claim next, and claims them. Private to storage."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Row,
    Select,
    bindparam,
    exists,
    or_,
    select,
    tuple_,
    update,
)

from storage.db import rows
from storage.db.pause_state import IS_PAUSED
from storage.db.tables import jobs
from storage.jobs.transitions import MAX_WAIT, in_seconds, record_events
from storage.lifecycle import JobState
from storage.records import Claim


def claim_all(
    connection: Connection,
    now: datetime,
    owner: str,
    *,
    lease_seconds: float,
    most: int,
    missing_inboxes: Collection[str] = (),
) -> list[Claim]:
    """Claim the due jobs that come first by priority, then by waiting time, in that order; charge an attempt of each.

    A job that was tried before is claimed alone: it may have killed its worker. `missing_inboxes`: whose jobs wait.
    """
    query = DUE.where(jobs.c.inbox.not_in(missing_inboxes)) if missing_inboxes else DUE
    due = connection.execute(query, {"now": now, "latest": now + MAX_WAIT, "most": most}).all()
    ids = [row.id for row in runnable_together(due)]
    if not ids:
        return []
    lease_until = in_seconds(now, lease_seconds)
    connection.execute(CLAIM, {"ids": ids, "now": now, "claimed_by": owner, "until": lease_until})
    record_events(connection, now, ids, JobState.QUEUED, JobState.RUNNING, f"Claimed by {owner}.")
    claims = {claim.job.id: claim for claim in rows.read_claims(connection, ids)}
    return [claims[job_id] for job_id in ids]


def runnable_together(due: Sequence[Row[Any]]) -> list[Row[Any]]:
    """Those of these jobs that can run together: one for the same answers; one that was tried before, alone."""
    chosen: list[Row[Any]] = []
    asked: set[tuple[int, str, str]] = set()
    for row in due:
        if row.attempts and chosen:
            break
        answers = (row.media_id, row.recipe_name, row.model_detail)
        if row.fresh or answers not in asked:
            chosen.append(row)
            asked.add(answers)
        if row.attempts:
            break
    return chosen


def due_query() -> Select[Any]:
    """The queued jobs to claim next; none while work is paused.

    A path with a claimed job of the same recipe waits for that one to end.

    So does content that is being described for another path by the same recipe and detail, as the description is valid
    for both; if that job fails, the content is tried again. A `fresh` job does not wait.
    """
    working, described = jobs.alias(), jobs.alias()
    busy = exists().where(
        rows.same_request(working, jobs), working.c.state.in_((JobState.RUNNING, JobState.PUBLISHING))
    )
    # Without a reference to the outer row: evaluated once a claim, not once a queued job.
    under_way = select(*answers_of(described)).where(described.c.state == JobState.RUNNING)
    now = bindparam("now", type_=jobs.c.not_before.type)
    latest = bindparam("latest", type_=jobs.c.not_before.type)
    return (
        select(jobs.c.id, *answers_of(jobs), jobs.c.attempts, jobs.c.fresh)
        .where(
            jobs.c.state == JobState.QUEUED,
            ~IS_PAUSED,
            jobs.c.attempts < jobs.c.max_attempts,
            or_(jobs.c.not_before.is_(None), jobs.c.not_before <= now, jobs.c.not_before > latest),
            ~busy,
            or_(jobs.c.fresh, tuple_(*answers_of(jobs)).not_in(under_way)),
        )
        .order_by(jobs.c.priority, jobs.c.queued_at, jobs.c.id)
        .limit(bindparam("most"))
    )


def answers_of(table: FromClause) -> tuple[ColumnElement[Any], ...]:
    """Jobs that agree in these get the same answers."""
    return table.c.media_id, table.c.recipe_name, table.c.model_detail


#: Both are built once: building them takes longer than running them.
DUE = due_query()
CLAIM = (
    update(jobs)
    .where(jobs.c.id.in_(bindparam("ids", expanding=True)), jobs.c.state == JobState.QUEUED)
    .values(
        state=JobState.RUNNING,
        attempts=jobs.c.attempts + 1,
        token=jobs.c.token + 1,
        owner=bindparam("claimed_by"),
        lease_until=bindparam("until"),
        not_before=None,
        started_at=bindparam("now"),
    )
)
