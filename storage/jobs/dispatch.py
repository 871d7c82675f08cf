"""Which of the queued jobs are claimed next, and their claims. Private to storage."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, exists, or_, select, update

from storage.db import rows
from storage.db.tables import jobs
from storage.jobs.transitions import LONGEST, in_seconds, record_all
from storage.lifecycle import JobState
from storage.records import Claim


def claim_all(connection: Connection, now: datetime, owner: str, *, lease_seconds: float, most: int) -> list[Claim]:
    """Take the due jobs that have waited longest, and charge an attempt of each; in that order.

    A job that was tried before is taken alone: it may be what killed its worker.
    """
    due = connection.execute(DUE, {"now": now, "latest": now + LONGEST, "most": most}).all()
    ids = [row.id for row in together(due)]
    if not ids:
        return []
    connection.execute(
        update(jobs)
        .where(jobs.c.id.in_(ids), jobs.c.state == JobState.QUEUED)
        .values(
            state=JobState.RUNNING,
            attempts=jobs.c.attempts + 1,
            token=jobs.c.token + 1,
            owner=owner,
            lease_until=in_seconds(now, lease_seconds),
            not_before=None,
            started_at=now,
        )
    )
    record_all(connection, now, ids, JobState.QUEUED, JobState.RUNNING, f"Claimed by {owner}.")
    claims = {claim.job.id: claim for claim in rows.read_claims(connection, ids)}
    return [claims[job_id] for job_id in ids]


def together(due: Sequence[Row[Any]]) -> list[Row[Any]]:
    """Of these jobs, those that may be worked on at once: of the same bytes one only, and one tried before alone."""
    taken: list[Row[Any]] = []
    asked: set[int] = set()
    for row in due:
        if row.attempts and taken:
            break
        if row.fresh or row.media_id not in asked:
            taken.append(row)
            asked.add(row.media_id)
        if row.attempts:
            break
    return taken


def due_query() -> Select[Any]:
    """The queued jobs to claim next. A path whose job is being worked on waits for that one to end.

    So do bytes about which the model is being asked for another path: what it says will hold for both. If that fails,
    they are tried themselves. Whoever is to be asked again (`fresh`) does not wait.
    """
    working, asked = jobs.alias(), jobs.alias()
    busy = exists().where(
        working.c.path_id == jobs.c.path_id, working.c.state.in_((JobState.RUNNING, JobState.PUBLISHING))
    )
    # Without a reference to the outer row: looked up once a claim, not once a job in line.
    under_way = select(asked.c.media_id).where(asked.c.state == JobState.RUNNING)
    now = bindparam("now", type_=jobs.c.not_before.type)
    latest = bindparam("latest", type_=jobs.c.not_before.type)
    return (
        select(jobs.c.id, jobs.c.media_id, jobs.c.attempts, jobs.c.fresh)
        .where(
            jobs.c.state == JobState.QUEUED,
            jobs.c.attempts < jobs.c.max_attempts,
            or_(jobs.c.not_before.is_(None), jobs.c.not_before <= now, jobs.c.not_before > latest),
            ~busy,
            or_(jobs.c.fresh, jobs.c.media_id.not_in(under_way)),
        )
        .order_by(jobs.c.queued_at, jobs.c.id)
        .limit(bindparam("most"))
    )


#: Made once: it takes longer to make than to answer.
DUE = due_query()
