"""The origins of the descriptions that count: of each path and recipe, the newest one. Private to storage."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, false, func, or_, select, update

from storage.db.rows import same_request
from storage.db.tables import descriptions, jobs
from storage.origin import MixedOrigin, Origin

_ORIGIN = (descriptions.c.model_id, descriptions.c.dtype, descriptions.c.weights, descriptions.c.control)
#: Reads the index `descriptions_by_origin` alone, in its order: a few milliseconds for 100,000 descriptions.
GROUPS = (
    select(*_ORIGIN, func.count(), func.max(descriptions.c.described_at))
    .where(descriptions.c.is_current)
    .group_by(*_ORIGIN)
)


def supersede(connection: Connection, job_ids: Collection[int]) -> None:
    """These jobs (some hundreds) are described now: older descriptions of the same paths and recipes do not count."""
    new = jobs.alias()
    older = select(jobs.c.id).join(new, same_request(jobs, new)).where(new.c.id.in_(job_ids), jobs.c.id.not_in(job_ids))
    connection.execute(update(descriptions).where(descriptions.c.job_id.in_(older)).values(is_current=False))


def newest_origin(connection: Connection, model: str) -> Origin | None:
    """That of the newest description by this model (its id); None if there is none."""
    return newest(groups(connection, descriptions.c.model_id == model))


def mixed_origins(connection: Connection) -> Iterator[MixedOrigin]:
    """One for each model whose descriptions are of mixed origin, as far as their files are there."""
    found = groups(connection)
    for model in dict.fromkeys(origin.model for origin in found):
        of_model = {origin: facts for origin, facts in found.items() if origin.model == model}
        latest = newest(of_model)
        differences = {origin.difference(latest) for origin in of_model} - {None} if latest else set()
        if latest is None or not differences:
            continue
        outdated = dict(count_outdated(connection, latest))
        if outdated:
            yield MixedOrigin(
                model=model,
                count=sum(outdated.values()),
                total=sum(count for count, _ in of_model.values()),
                differences=tuple(sorted(filter(None, differences))),
                recipes=tuple(sorted(outdated)),
            )


def groups(connection: Connection, *where: ColumnElement[bool]) -> dict[Origin, tuple[int, datetime]]:
    """How many descriptions have each origin, and when the newest was made."""
    return {
        Origin(model=model, dtype=dtype, weights=weights, control=control): (count, made)
        for model, dtype, weights, control, count, made in connection.execute(GROUPS.where(*where))
    }


def newest(found: dict[Origin, tuple[int, datetime]]) -> Origin | None:
    return max(found, key=lambda origin: found[origin][1], default=None)


def count_outdated(connection: Connection, latest: Origin) -> Iterator[tuple[str, int]]:
    """By recipe, how many descriptions by the same model, of files that are there, have another origin."""
    query = (
        select(descriptions.c.recipe_name, func.count())
        .join(jobs, jobs.c.id == descriptions.c.job_id)
        .where(
            descriptions.c.is_current,
            descriptions.c.model_id == latest.model,
            differs_from(latest),
            jobs.c.missing_since.is_(None),
        )
        .group_by(descriptions.c.recipe_name)
    )
    for row in connection.execute(query):
        yield row[0], row[1]


def differs_from(origin: Origin) -> ColumnElement[bool]:
    """Whether a description has another origin than this, as `Origin.difference`: what is unknown does not differ."""
    wanted = ((descriptions.c.weights, origin.weights), (descriptions.c.control, origin.control))
    known = [(column.is_not(None)) & (column != value) for column, value in wanted if value is not None]
    return or_(false(), descriptions.c.dtype != origin.dtype, *known)
