"""Takes jobs back from workers that died or stopped responding. Private to storage."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, select, update

from storage.db import description_rows, rows
from storage.db.tables import jobs
from storage.description import Description
from storage.jobs.transitions import UNOWNED, back_to_queue, in_seconds, move, passed, record_event
from storage.lifecycle import Cause, JobState
from storage.records import Claim

DIED = "worker-died"
#: Claimed at once at most: so many sidecars are written well within a lease, and delay other work no longer.
MAX_UNPUBLISHED = 100


def abandon(connection: Connection, now: datetime, note: str, *where: ColumnElement[bool]) -> list[int]:
    """Take back the running jobs for which `where` holds. Attempts stay charged: a job may have killed its worker."""
    lost = connection.execute(
        select(jobs.c.id).where(jobs.c.state == JobState.RUNNING, *where).order_by(jobs.c.id)
    ).scalars()
    ids = list(lost)
    for job_id in ids:
        return_job(connection, now, rows.read_claim(connection, job_id), note)
    return ids


def reap(connection: Connection, now: datetime) -> list[int]:
    """Take back the running jobs whose lease has expired. Returns their ids."""
    return abandon(connection, now, "The worker stopped responding.", passed(jobs.c.lease_until, now))


def return_job(connection: Connection, now: datetime, claim: Claim, note: str) -> None:
    job = claim.job
    if job.attempts < job.max_attempts:
        back_to_queue(connection, now, claim, note, cause=Cause.TRANSIENT, reason_code=DIED, reason=note)
        return
    times = "once" if job.attempts == 1 else f"{job.attempts} times"
    reason = f"smolwatch's worker ended {times} while it worked on this file."
    move(
        connection,
        now,
        claim,
        JobState.RUNNING,
        JobState.FAILED,
        f"{reason} {note}",
        cause=Cause.TRANSIENT,
        reason_code=DIED,
        reason=reason,
        detail=note,
    )


def orphan_publishing(connection: Connection) -> int:
    """Publishing jobs lose their owner, so that `claim_unpublished` need not wait for the lease. Returns how many."""
    return connection.execute(
        update(jobs).where(jobs.c.state == JobState.PUBLISHING, jobs.c.owner.is_not(None)).values(**UNOWNED)
    ).rowcount


def claim_unpublished(
    connection: Connection, now: datetime, owner: str, *, lease_seconds: float
) -> list[tuple[Claim, Description]]:
    """Publishing jobs without an owner, under new tokens, with their descriptions; the oldest first."""
    free = (jobs.c.state == JobState.PUBLISHING, passed(jobs.c.lease_until, now), passed(jobs.c.not_before, now))
    oldest = select(jobs.c.id).where(*free).order_by(jobs.c.id).limit(MAX_UNPUBLISHED)
    ids = connection.execute(
        update(jobs)
        .where(jobs.c.id.in_(oldest.scalar_subquery()))
        .values(owner=owner, token=jobs.c.token + 1, lease_until=in_seconds(now, lease_seconds), not_before=None)
        .returning(jobs.c.id)
    ).scalars()
    taken = []
    for job_id in sorted(ids):
        claim = rows.read_claim(connection, job_id)
        note = f"Publication resumed by {owner}."
        if claim.job.reason is None:  # else it was postponed, and is retried often
            record_event(connection, now, job_id, JobState.PUBLISHING, JobState.PUBLISHING, note)
        description = description_rows.of_job(connection, job_id)
        assert description is not None  # stored by the transaction that made the job publishing
        taken.append((claim, description))
    return taken
