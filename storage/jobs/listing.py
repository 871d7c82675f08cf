"""Many jobs at once, for lists: a hundred thousand in a second or two. Private to storage, except `Listed`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Double, Select, Text, cast, func, select, true, type_coerce

from storage.db.tables import descriptions, jobs, media, paths
from storage.description import caption_of
from storage.lifecycle import JobState

#: Rows fetched at once.
AT_ONCE = 500
DESCRIBED = (JobState.DONE, JobState.PUBLISHING)
#: `Listed.at`, newest first.
FRESHEST = (func.coalesce(jobs.c.finished_at, jobs.c.started_at, jobs.c.queued_at).desc(), jobs.c.id.desc())


class Listed(NamedTuple):
    """A job and its answers as plain values, which are cheap to create: times are seconds since 1970.

    `answers`: of a described file, by name; `caption`: its caption, else its first answer.
    """

    id: int
    state: str
    path: bytes
    kind: str
    format: str
    digest: str
    bytes: int
    attempts: int
    max_attempts: int
    queued_at: float
    started_at: float | None
    finished_at: float | None
    not_before: float | None
    cause: str | None
    reason_code: str | None
    reason: str | None
    detail: str | None
    missing_since: float | None
    recipe: str
    answers: dict[str, str] | None
    caption: str | None

    @property
    def at(self) -> float:
        """About when it entered its state."""
        return self.finished_at or self.started_at or self.queued_at


def listing(connection: Connection, state: JobState | None, limit: int) -> list[Listed]:
    """The freshest jobs first: by when they were finished, started or queued.

    Sorted here: a database sorts whole rows, captions included, which takes longer.
    """
    condition = true() if state is None else jobs.c.state == state
    query = listing_query().where(condition)
    if connection.execute(select(func.count()).select_from(jobs).where(condition)).scalar_one() > limit:
        query = query.where(jobs.c.id.in_(select(jobs.c.id).where(condition).order_by(*FRESHEST).limit(limit)))
    batches = connection.execution_options(yield_per=AT_ONCE).execute(query).partitions()
    found = [job for batch in batches for job in listed(batch)]
    found.sort(key=lambda job: (job.at, job.id), reverse=True)
    return found


def listed(batch: Sequence[Any]) -> Iterator[Listed]:
    """Rows of `listing_query`. Their answers are parsed as one document, in half the time of one each."""
    all_answers = json.loads(f"[{','.join([row[19] or 'null' for row in batch])}]")
    for row, answers in zip(batch, all_answers, strict=True):
        size = int(row[6].split(":", 3)[2])
        is_described = bool(answers) and row[1] in DESCRIBED
        shown = (answers, caption_of(answers)) if is_described else (None, None)
        yield Listed._make((*row[:6], size, *row[7:19], *shown))


def listing_query() -> Select[Any]:
    """In the order of `Listed`, with the fingerprint for the bytes and the answers' text for the caption.

    The columns' own type conversions would take longer than everything else.
    """
    times = (jobs.c.queued_at, jobs.c.started_at, jobs.c.finished_at, jobs.c.not_before)
    return (
        select(
            jobs.c.id,
            jobs.c.state,
            paths.c.path,
            media.c.kind,
            media.c.format,
            media.c.digest,
            type_coerce(jobs.c.fingerprint, Text),
            jobs.c.attempts,
            jobs.c.max_attempts,
            *(type_coerce(moment, Double) for moment in times),
            jobs.c.cause,
            jobs.c.reason_code,
            jobs.c.reason,
            jobs.c.detail,
            type_coerce(jobs.c.missing_since, Double),
            jobs.c.recipe_name,
            cast(descriptions.c.answers, Text),
        )
        .join(paths, paths.c.id == jobs.c.path_id)
        .join(media, media.c.id == jobs.c.media_id)
        .outerjoin(descriptions, descriptions.c.job_id == jobs.c.id)
    )
