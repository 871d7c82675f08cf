"""Saved answers as rows, one for each question about a content. Private to storage."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlalchemy import Connection, delete, insert, select

from storage.db.tables import media, saved_answers
from storage.description import SavedAnswer


def replace(connection: Connection, media_id: int, saved: SavedAnswer) -> None:
    """Store the answer in the place of an earlier one to the same question."""
    same = (saved_answers.c.media_id == media_id, saved_answers.c.question == saved.question)
    connection.execute(delete(saved_answers).where(*same))
    connection.execute(insert(saved_answers).values(media_id=media_id, **vars(saved)))


def add_missing(connection: Connection, media_id: int, answers: Iterable[SavedAnswer]) -> None:
    """Store those whose question has no answer yet."""
    known = select(saved_answers.c.question).where(saved_answers.c.media_id == media_id)
    questions = set(connection.execute(known).scalars())
    if new := [vars(saved) | {"media_id": media_id} for saved in answers if saved.question not in questions]:
        connection.execute(insert(saved_answers), new)


def of_contents(connection: Connection, digests: Collection[str]) -> dict[str, tuple[SavedAnswer, ...]]:
    """The answers about these contents (some hundreds), by digest, oldest first; those without any are missing."""
    query = (
        select(saved_answers, media.c.digest)
        .join(media, media.c.id == saved_answers.c.media_id)
        .where(media.c.digest.in_(digests))
        .order_by(saved_answers.c.id)
    )
    found: dict[str, tuple[SavedAnswer, ...]] = {}
    for row in connection.execute(query):
        saved = SavedAnswer(
            question=row.question,
            answer=row.answer,
            asked_at=row.asked_at,
            model=row.model,
            revision=row.revision,
            options=row.options,
        )
        found[row.digest] = (*found.get(row.digest, ()), saved)
    return found
