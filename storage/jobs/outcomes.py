"""How a claimed job ends or goes back to the queue; each change is guarded by its claim. Private to storage."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, update

from storage.db.tables import jobs
from storage.errors import ClaimLostError
from storage.jobs.transitions import MAX_WAIT, UNOWNED, are_held, back_to_queue, in_seconds, move
from storage.lifecycle import Cause, JobState
from storage.records import Claim


@dataclass(frozen=True, kw_only=True)
class Why:
    """Why a job did not get on. `detail`: a library's own message."""

    code: str
    reason: str
    cause: Cause | None = None
    detail: str | None = None

    def columns(self) -> dict[str, Any]:
        return {"cause": self.cause, "reason_code": self.code, "reason": self.reason, "detail": self.detail}


def beat_all(connection: Connection, now: datetime, claims: Collection[Claim], *, lease_seconds: float) -> set[int]:
    """Renew the leases of the claims that hold. Returns the ids of their jobs."""
    beaten = connection.execute(
        update(jobs)
        .where(are_held(claims), jobs.c.state.in_((JobState.RUNNING, JobState.PUBLISHING)))
        .values(lease_until=in_seconds(now, lease_seconds))
        .returning(jobs.c.id)
    )
    return set(beaten.scalars())


def release(connection: Connection, now: datetime, claim: Claim, note: str) -> bool:
    """running → queued, with the attempt refunded; False when the claim no longer holds."""
    return back_to_queue(connection, now, claim, note, attempts=jobs.c.attempts - 1)


def end(connection: Connection, now: datetime, claim: Claim, state: JobState, why: Why) -> None:
    """running → failed, skipped or gone. Raises ClaimLostError."""
    check_held(move(connection, now, claim, JobState.RUNNING, state, why.reason, **why.columns()), claim)


def retry_later(connection: Connection, now: datetime, claim: Claim, why: Why, not_before: datetime) -> None:
    """running → queued; failed when no attempt is left. Raises ClaimLostError."""
    if claim.job.attempts >= claim.job.max_attempts:
        end(connection, now, claim, JobState.FAILED, why)
        return
    due = min(not_before, now + MAX_WAIT)
    check_held(back_to_queue(connection, now, claim, why.reason, not_before=due, **why.columns()), claim)


def wait(connection: Connection, now: datetime, claim: Claim, why: Why, not_before: datetime) -> None:
    """running → queued, with the attempt refunded. Raises ClaimLostError."""
    refund = {"attempts": jobs.c.attempts - 1}
    due = min(not_before, now + MAX_WAIT)
    check_held(back_to_queue(connection, now, claim, why.reason, not_before=due, **why.columns(), **refund), claim)


def postpone(connection: Connection, now: datetime, claim: Claim, why: Why, not_before: datetime) -> None:
    """publishing → publishing, without an owner. Raises ClaimLostError."""
    due = min(not_before, now + MAX_WAIT)
    stay = JobState.PUBLISHING
    note = None if claim.job.reason == why.reason else why.reason  # the same reason is recorded once
    check_held(move(connection, now, claim, stay, stay, note, not_before=due, **UNOWNED, **why.columns()), claim)


def check_held(moved: bool, claim: Claim) -> None:
    if not moved:
        raise ClaimLostError(f"Job {claim.job.id} is no longer {claim.owner}'s; nothing was changed.")
