"""Descriptions as rows: written once, read back equal. Private to storage."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, insert, select, update

from storage.records import (
    Description,
    Media,
    MediaKind,
    ModelFacts,
    NewFile,
    Quality,
    RecipeFacts,
    Segment,
    Stats,
)
from storage.rows import made_id, media_row
from storage.tables import descriptions, jobs, media, paths, segments, stats


def store(connection: Connection, job_id: int, description: Description) -> None:
    """Write the description of a job: media facts, answers, timeline, figures."""
    row = connection.execute(
        insert(descriptions).values(
            job_id=job_id,
            media_id=store_media(connection, description),
            fingerprint=description.fingerprint,
            smolwatch=description.smolwatch,
            described_at=description.described_at,
            answers=description.answers,
            verdict=description.quality.verdict,
            verdict_reasons=list(description.quality.reasons),
            model_id=description.model.id,
            revision=description.model.revision,
            engine=description.model.engine,
            device=description.model.device,
            dtype=description.model.dtype,
            detail=description.model.detail,
            recipe_name=description.recipe.name,
            recipe_version=description.recipe.version,
            recipe_digest=description.recipe.digest,
            frames_seen=description.media.frames_seen,
        )
    )
    description_id = made_id(row)
    connection.execute(insert(stats).values(description_id=description_id, **vars(description.stats)))
    for position, segment in enumerate(description.timeline):
        connection.execute(insert(segments).values(description_id=description_id, position=position, **vars(segment)))


def store_media(connection: Connection, description: Description) -> int:
    facts = description.media
    file = NewFile(
        path=description.path,
        fingerprint=description.fingerprint,
        digest=description.digest,
        kind=facts.kind,
        format=facts.format,
    )
    media_id = media_row(connection, file)
    connection.execute(
        update(media)
        .where(media.c.id == media_id)
        .values(
            kind=facts.kind,
            format=facts.format,
            width=facts.width,
            height=facts.height,
            seconds=facts.seconds,
            frame_rate=facts.frame_rate,
            pages=facts.pages,
        )
    )
    return media_id


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
    return None if row is None else description_of(row, timeline(connection, row.id))


def of_job(connection: Connection, job_id: int) -> Description | None:
    return newest(connection, descriptions.c.job_id == job_id)


def same_answers(digest: str, model: str, recipe: str) -> tuple[ColumnElement[bool], ...]:
    """What must hold for a description to answer the same questions about the same bytes by the same model."""
    return (
        media.c.digest == digest,
        descriptions.c.model_id + "@" + descriptions.c.revision == model,
        descriptions.c.recipe_digest == recipe,
    )


def timeline(connection: Connection, description_id: int) -> tuple[Segment, ...]:
    rows = connection.execute(
        select(segments).where(segments.c.description_id == description_id).order_by(segments.c.position)
    )
    return tuple(Segment(start=row.start, end=row.end, text=row.text) for row in rows)


def description_of(row: Row[Any], timeline: tuple[Segment, ...]) -> Description:
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
        quality=Quality(verdict=row.verdict, reasons=tuple(row.verdict_reasons)),
        model=ModelFacts(
            id=row.model_id,
            revision=row.revision,
            engine=row.engine,
            device=row.device,
            dtype=row.dtype,
            detail=row.detail,
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
