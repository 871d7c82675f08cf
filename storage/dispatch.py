"""Which of the queued jobs is claimed next. Private to storage."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import exists, or_, select

from storage.lifecycle import JobState
from storage.tables import jobs
from storage.transitions import passed


def next_due(now: datetime) -> Any:
    """The queued job to claim next. A path whose job is being worked on waits for that one to end.

    So do bytes about which the model is being asked for another path: what it says will hold for both. If that fails,
    they are tried themselves. Whoever is to be asked again (`fresh`) does not wait.
    """
    working, asked = jobs.alias(), jobs.alias()
    busy = exists().where(
        working.c.path_id == jobs.c.path_id, working.c.state.in_((JobState.RUNNING, JobState.PUBLISHING))
    )
    # Without a reference to the outer row: looked up once a claim, not once a job in line.
    under_way = select(asked.c.media_id).where(asked.c.state == JobState.RUNNING)
    return (
        select(jobs.c.id)
        .where(
            jobs.c.state == JobState.QUEUED,
            jobs.c.attempts < jobs.c.max_attempts,
            passed(jobs.c.not_before, now),
            ~busy,
            or_(jobs.c.fresh, jobs.c.media_id.not_in(under_way)),
        )
        .order_by(jobs.c.queued_at, jobs.c.id)
        .limit(1)
        .scalar_subquery()
    )
