"""How read commands reach a home: its settings, its library, and the one job that a person means."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.errors import NotFoundError
from config.safe_text import safe_text
from config.settings import Settings
from storage.db.database import open_database
from storage.library import Library
from storage.records import Job

#: Longer rows of digits are no job's number: databases hold 31 bits.
LONGEST_ID = 9


@contextmanager
def open_library(settings: Settings) -> Iterator[Library]:
    """The home's library, for reading. Raises NotFoundError with advice where there is no database yet."""
    database = open_database(settings.database_place, read_only=True)
    try:
        yield Library(database)
    finally:
        database.close()


def inbox_root(settings: Settings) -> Path:
    """The inbox's real path: storage knows every file in it below that, however the inbox was named."""
    return settings.inbox_path.resolve()


def meant_paths(text: str) -> list[bytes]:
    """Every absolute path under which storage may know the file that a person typed, likeliest first.

    The file itself may be a link, so only the folders above it are resolved (/tmp may be /private/tmp).
    """
    typed = Path(os.path.abspath(text))  # noqa: PTH100 - takes ".." away and leaves links
    real = typed.parent.resolve() / typed.name
    return [os.fsencode(path) for path in dict.fromkeys((real, typed))]


def resolve_job(text: str, library: Library) -> Job:
    """The job with that number, or the newest of that path, or of the one that stands for it. Raises NotFoundError.

    A file whose name is a number is meant by "./7".
    """
    if text.isascii() and text.isdigit() and len(text) <= LONGEST_ID:
        return library.job(int(text))
    for path in meant_paths(text):
        if job := stand_in(path, library) or library.job_at(path):
            return job
    raise NotFoundError(f"No job for {safe_text(text)}.", advice="smolwatch why PATH tells what happened to a file.")


def stand_in(path: bytes, library: Library) -> Job | None:
    """The job of the file that stands for this one: the other half of a Live Photo."""
    refusal = library.refusal(path)
    return library.job_at(refusal.partner) if refusal and refusal.partner else None
