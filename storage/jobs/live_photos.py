"""Jobs of Live Photos, whose picture and video are described as one. Private to storage, except `SetAside`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, func, or_, select

from storage.db import rows
from storage.db.tables import decisions, jobs, media, paths
from storage.jobs.file_presence import CHUNK_SIZE, chunks
from storage.lifecycle import CANCELLED, JobState
from storage.records import Job

#: The states of jobs that are described or will be.
DESCRIBED_OR_WAITING = (*rows.LIVE, JobState.DONE)
#: Files with one ContentIdentifier, on average: a Live Photo and its copies.
MAX_HALVES = 10


@dataclass(frozen=True, kw_only=True)
class SetAside:
    """A path that is not described because `partner` is. `is_active`: the partner has a job that waits or is done."""

    path: bytes
    partner: bytes
    is_active: bool


def represents_its_photo() -> ColumnElement[bool]:
    """Whether a job is the one of its Live Photo. A person who cancels it does not get the other half instead."""
    return or_(jobs.c.state.in_(DESCRIBED_OR_WAITING), jobs.c.reason_code == CANCELLED)


def halves(connection: Connection, live_ids: Collection[str]) -> dict[str, list[Job]]:
    """The jobs, by identifier, of files that have one of these identifiers and are described or will be.

    Ordered by path. Of very many files with the same identifier, as a faulty program can write, some are left out.
    """
    newest = jobs.alias()
    last = select(func.max(newest.c.id)).where(newest.c.path_id == jobs.c.path_id).scalar_subquery()
    found: dict[str, list[Job]] = {}
    for chunk in chunks(live_ids):
        query = (
            rows.jobs_query()
            .add_columns(media.c.live_id)
            .where(media.c.live_id.in_(chunk))
            .where(represents_its_photo(), jobs.c.id == last)
            .order_by(paths.c.path)
            .limit(CHUNK_SIZE * MAX_HALVES)
        )
        for row in connection.execute(query):
            found.setdefault(row.live_id, []).append(rows.job_of(row))
    return found


def set_aside(connection: Connection, partners: Collection[bytes] | None) -> list[SetAside]:
    """The paths whose partner is described instead: one of `partners`, or any."""
    partner = paths.alias()
    is_active = (
        select(represents_its_photo())
        .join(partner, partner.c.id == jobs.c.path_id)
        .where(partner.c.path == decisions.c.partner)
        .order_by(jobs.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    query = select(paths.c.path, decisions.c.partner, is_active.label("is_active")).join(
        paths, paths.c.id == decisions.c.path_id
    )
    if partners is None:
        conditions = [decisions.c.partner.is_not(None)]
    else:
        conditions = [decisions.c.partner.in_(chunk) for chunk in chunks(partners)]
    return [
        SetAside(path=row.path, partner=row.partner, is_active=bool(row.is_active))
        for condition in conditions
        for row in connection.execute(query.where(condition))
    ]
