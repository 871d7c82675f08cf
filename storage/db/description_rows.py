"""Descriptions as rows: written once, read back unchanged. Private to storage."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, bindparam, insert, select, true, update

from storage.db import origin_rows, saved_answer_rows
from storage.db.rows import media_rows
from storage.db.tables import descriptions, jobs, media, paths, segments, stats
from storage.description import Description, Media, ModelFacts, Quality, RecipeFacts, SavedAnswer, Segment, Stats
from storage.records import AnswerKey, MediaKind, NewFile


def store(connection: Connection, job_id: int, description: Description) -> None:
    """Write the description of a job: media facts, answers, timeline, statistics."""
    store_all(connection, {job_id: description})


def store_all(connection: Connection, described: Mapping[int, Description]) -> None:
    """The same for some hundreds of jobs, by id."""
    media_ids = store_media(connection, list(described.values()))
    connection.execute(
        insert(descriptions),
        [row_of(job_id, media_ids[description.digest], description) for job_id, description in described.items()],
    )
    made = connection.execute(
        select(descriptions.c.job_id, descriptions.c.id).where(descriptions.c.job_id.in_(described))
    )
    ids = {row.job_id: row.id for row in made}
    connection.execute(
        insert(stats),
        [{"description_id": ids[job_id], **vars(description.stats)} for job_id, description in described.items()],
    )
    timeline = [
        {"description_id": ids[job_id], "position": position, **vars(segment)}
        for job_id, description in described.items()
        for position, segment in enumerate(description.timeline)
    ]
    if timeline:
        connection.execute(insert(segments), timeline)
    origin_rows.supersede(connection, described)


def row_of(job_id: int, media_id: int, description: Description) -> dict[str, Any]:
    return {
        "job_id": job_id,
        "media_id": media_id,
        "fingerprint": description.fingerprint,
        "smolwatch": description.smolwatch,
        "described_at": description.described_at,
        "answers": description.answers,
        "verdict": description.quality.verdict,
        "verdict_reasons": list(description.quality.reasons),
        "model_id": description.model.id,
        "revision": description.model.revision,
        "engine": description.model.engine,
        "device": description.model.device,
        "dtype": description.model.dtype,
        "detail": description.model.detail,
        "weights": description.model.weights,
        "control": description.model.control,
        "recipe_name": description.recipe.name,
        "recipe_version": description.recipe.version,
        "recipe_digest": description.recipe.digest,
        "frames_seen": description.media.frames_seen,
    }


def store_media(connection: Connection, described: Sequence[Description]) -> dict[str, int]:
    """Write the facts from decoding. Returns the media ids by digest."""
    files = [
        NewFile(
            path=description.path,
            fingerprint=description.fingerprint,
            digest=description.digest,
            kind=description.media.kind,
            format=description.media.format,
        )
        for description in described
    ]
    media_ids = media_rows(connection, files)
    facts = [
        {
            "this": media_ids[description.digest],
            "kind": description.media.kind,
            "format": description.media.format,
            "width": description.media.width,
            "height": description.media.height,
            "seconds": description.media.seconds,
            "frame_rate": description.media.frame_rate,
            "pages": description.media.pages,
        }
        for description in described
    ]
    connection.execute(update(media).where(media.c.id == bindparam("this")), facts)
    return media_ids


def newest(connection: Connection, *where: ColumnElement[bool]) -> Description | None:
    """The newest description for which all of `where` holds (columns of descriptions, jobs, paths, media)."""
    query = (
        select(
            descriptions,
            stats,
            paths.c.path,
            media.c.digest,
            media.c.kind,
            media.c.format,
            media.c.width,
            media.c.height,
            media.c.seconds.label("length"),
            media.c.frame_rate,
            media.c.pages,
        )
        .join(jobs, jobs.c.id == descriptions.c.job_id)
        .join(paths, paths.c.id == jobs.c.path_id)
        .join(media, media.c.id == descriptions.c.media_id)
        .join(stats, stats.c.description_id == descriptions.c.id)
        .where(*where)
        .order_by(descriptions.c.id.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    asked = saved_answer_rows.of_contents(connection, [row.digest]).get(row.digest, ())
    return description_of(row, timeline(connection, row.id), asked)


def of_job(connection: Connection, job_id: int) -> Description | None:
    return newest(connection, descriptions.c.job_id == job_id)


def same_answers(digest: str, model: str | None, recipe: str) -> tuple[ColumnElement[bool], ...]:
    """The conditions for a description of the same bytes by the same model (None: any) and recipe."""
    by_model = true() if model is None else descriptions.c.model_id + "@" + descriptions.c.revision == model
    return media.c.digest == digest, by_model, descriptions.c.recipe_digest == recipe


def cached(connection: Connection, digest: str, key: AnswerKey) -> Description | None:
    """The newest description of these bytes with this key."""
    same = same_answers(digest, key.model, key.recipe)
    return newest(connection, *same, descriptions.c.detail == key.detail)


def answered(connection: Connection, digests: Collection[str], key: AnswerKey) -> set[str]:
    """The digests that have such a description."""
    found = connection.execute(ANSWERED, {"digests": list(digests), **vars(key)})
    return set(found.scalars())


def timeline(connection: Connection, description_id: int) -> tuple[Segment, ...]:
    rows = connection.execute(
        select(segments).where(segments.c.description_id == description_id).order_by(segments.c.position)
    )
    return tuple(Segment(start=row.start, end=row.end, text=row.text) for row in rows)


def description_of(row: Row[Any], timeline: tuple[Segment, ...], asked: tuple[SavedAnswer, ...]) -> Description:
    return Description(
        smolwatch=row.smolwatch,
        described_at=row.described_at,
        path=row.path,
        digest=row.digest,
        fingerprint=row.fingerprint,
        media=Media(
            kind=MediaKind(row.kind),
            format=row.format,
            width=row.width,
            height=row.height,
            seconds=row.length,
            frame_rate=row.frame_rate,
            frames_seen=row.frames_seen,
            pages=row.pages,
        ),
        answers=row.answers,
        timeline=timeline,
        asked=asked,
        quality=Quality(verdict=row.verdict, reasons=tuple(row.verdict_reasons)),
        model=ModelFacts(
            id=row.model_id,
            revision=row.revision,
            engine=row.engine,
            device=row.device,
            dtype=row.dtype,
            detail=row.detail,
            weights=row.weights,
            control=row.control,
        ),
        recipe=RecipeFacts(name=row.recipe_name, version=row.recipe_version, digest=row.recipe_digest),
        stats=Stats(
            seconds=row.seconds,
            tokens_in=row.tokens_in,
            tokens_out=row.tokens_out,
            tokens_per_second=row.tokens_per_second,
            batch_rows=row.batch_rows,
            peak_memory_bytes=row.peak_memory_bytes,
            device_memory_bytes=row.device_memory_bytes,
            cold_start=row.cold_start,
            launched_by=row.launched_by,
            power=row.power,
        ),
    )


#: Built once, since it runs for every file: building it takes longer than running it.
ANSWERED = (
    select(media.c.digest)
    .join(descriptions, descriptions.c.media_id == media.c.id)
    .where(
        media.c.digest.in_(bindparam("digests", expanding=True)),
        descriptions.c.model_id + "@" + descriptions.c.revision == bindparam("model"),
        descriptions.c.recipe_digest == bindparam("recipe"),
        descriptions.c.detail == bindparam("detail"),
    )
)
