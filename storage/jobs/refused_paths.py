"""Refused paths and their reasons, as rows: count, list, forget. Private to storage."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, delete, exists, func, select

from storage.db import rows
from storage.db.tables import decisions, jobs, paths
from storage.records import Refusal


def counts(connection: Connection) -> dict[tuple[str, str | None], int]:
    """The number of refused paths by code and kind."""
    query = select(decisions.c.code, decisions.c.kind, func.count()).group_by(decisions.c.code, decisions.c.kind)
    return {(code, kind): count for code, kind, count in connection.execute(query)}


def newest(connection: Connection, codes: Collection[str], limit: int) -> list[Refusal]:
    """Those with one of these codes, newest first."""
    query = (
        select(decisions, paths.c.path)
        .join(paths, paths.c.id == decisions.c.path_id)
        .where(decisions.c.code.in_(codes))
        .order_by(decisions.c.at.desc(), decisions.c.path_id.desc())
        .limit(limit)
    )
    return [rows.refusal_of(row) for row in connection.execute(query)]


def all_paths(connection: Connection) -> list[bytes]:
    query = select(paths.c.path).join(decisions, decisions.c.path_id == paths.c.id)
    return list(connection.execute(query).scalars())


def forget(connection: Connection, refused: Sequence[bytes]) -> None:
    """Delete some hundreds of refusals, and their paths unless a job has them."""
    path_ids = list(connection.execute(select(paths.c.id).where(paths.c.path.in_(refused))).scalars())
    connection.execute(delete(decisions).where(decisions.c.path_id.in_(path_ids)))
    connection.execute(delete(paths).where(paths.c.id.in_(path_ids), ~exists().where(jobs.c.path_id == paths.c.id)))
