"""Ends jobs on request. Private to storage."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, update

from storage.db.tables import jobs
from storage.jobs.transitions import UNOWNED, record_events
from storage.lifecycle import CANCELLED, JobState

REASON = "Cancelled on request."


def cancel(connection: Connection, now: datetime, job_ids: Sequence[int]) -> list[int]:
    """queued or running → skipped. Returns the jobs that were; the others do not change.

    The claim of a running job is lost: its worker changes nothing any more.
    """
    cancelled: list[int] = []
    for before in (JobState.QUEUED, JobState.RUNNING):
        ended = connection.execute(
            update(jobs)
            .where(jobs.c.id.in_(job_ids), jobs.c.state == before)
            .values(
                **UNOWNED,
                state=JobState.SKIPPED,
                not_before=None,
                finished_at=now,
                cause=None,
                reason_code=CANCELLED,
                reason=REASON,
                detail=None,
            )
            .returning(jobs.c.id)
        ).scalars()
        if ids := sorted(ended):
            record_events(connection, now, ids, before, JobState.SKIPPED, REASON)
            cancelled += ids
    return cancelled
