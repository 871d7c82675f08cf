"""What was described and what failed since a time, for reports. Private to storage, but for `Described`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from storage.db.tables import descriptions, jobs, media, stats
from storage.lifecycle import JobState


class Described(NamedTuple):
    """One description's cost. `seconds` by phase; `verdict`: "ok" or "suspect"; `power`: "mains", "battery" or None."""

    at: datetime
    kind: str
    seconds: Mapping[str, float]
    verdict: str
    power: str | None
    launched_by: str


def described_since(connection: Connection, since: datetime, limit: int) -> list[Described]:
    """The newest first."""
    columns = (
        descriptions.c.described_at,
        media.c.kind,
        stats.c.seconds,
        descriptions.c.verdict,
        stats.c.power,
        stats.c.launched_by,
    )
    query = (
        select(*columns)
        .select_from(descriptions)
        .join(stats, stats.c.description_id == descriptions.c.id)
        .join(media, media.c.id == descriptions.c.media_id)
        .where(descriptions.c.described_at >= since)
        .order_by(descriptions.c.id.desc())
        .limit(limit)
    )
    return [Described(*row) for row in connection.execute(query)]


def failures_since(connection: Connection, since: datetime) -> dict[tuple[str, str], int]:
    """The number of failed jobs by cause and reason's code; empty where there is none."""
    query = (
        select(jobs.c.cause, jobs.c.reason_code, func.count())
        .where(jobs.c.state == JobState.FAILED, jobs.c.finished_at >= since)
        .group_by(jobs.c.cause, jobs.c.reason_code)
    )
    return {(cause or "", code or ""): count for cause, code, count in connection.execute(query)}
