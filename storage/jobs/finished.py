"""Jobs that ended lately, for displays of progress. Private to storage, but for `Finished`."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from storage.db.tables import descriptions, events, jobs, paths
from storage.description import caption_of
from storage.lifecycle import JobState

ENDED = (JobState.DONE, JobState.FAILED, JobState.SKIPPED, JobState.GONE)
#: Without GONE: a file that went away says nothing about the speed.
WORKED_ON = ENDED[:3]


class Finished(NamedTuple):
    """A job's end. `caption`: of a described file, its caption, else its first answer."""

    path: bytes
    state: str
    caption: str | None
    reason: str | None


def newest_event(connection: Connection) -> int:
    """0 before the first."""
    return int(connection.execute(select(func.max(events.c.id))).scalar() or 0)


def finished_between(connection: Connection, after: int, until: int) -> list[Finished]:
    """The ends among the events with these numbers, oldest first. Reads those events alone."""
    query = (
        select(paths.c.path, events.c.after, descriptions.c.answers, jobs.c.reason)
        .select_from(events)
        .join(jobs, jobs.c.id == events.c.job_id)
        .join(paths, paths.c.id == jobs.c.path_id)
        .outerjoin(descriptions, descriptions.c.job_id == jobs.c.id)
        .where(events.c.id > after, events.c.id <= until, events.c.after.in_(ENDED))
        .order_by(events.c.id)
    )
    return [
        Finished(path, state, caption_of(answers) if answers and state == JobState.DONE else None, reason)
        for path, state, answers, reason in connection.execute(query)
    ]


def finish_times(connection: Connection, since: datetime, limit: int) -> list[datetime]:
    """When the newest files were done or given up, newest first. Reads the newest events alone."""
    newest = select(events.c.at).where(events.c.after.in_(WORKED_ON)).order_by(events.c.id.desc()).limit(limit)
    return [at for at in connection.execute(newest).scalars() if at >= since]
