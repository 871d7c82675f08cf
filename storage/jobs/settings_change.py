"""Jobs follow the inboxes in the settings, which may have changed since they were queued. Private to storage."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, exists, select, update

from storage.db import rows
from storage.db.tables import jobs, paths
from storage.jobs.file_presence import chunks
from storage.lifecycle import JobState
from storage.records import JobSpec, JobTask

#: The byte after the slash: what begins with a folder and a slash comes before the folder and this one.
AFTER_SLASH = b"0"
#: The columns that follow the settings.
FOLLOWED = ("recipe_name", "recipe_digest", "model_detail")


def follow_inboxes(connection: Connection, roots: Mapping[str, bytes]) -> int:
    """Each job whose path is below one of these folders gets the name of that inbox. Returns how many were changed."""
    return sum(name_inbox(connection, name, root) for name, root in roots.items())


def name_inbox(connection: Connection, name: str, root: bytes) -> int:
    is_below = exists().where(
        paths.c.id == jobs.c.path_id, paths.c.path > root + b"/", paths.c.path < root + AFTER_SLASH
    )
    return connection.execute(update(jobs).where(jobs.c.inbox != name, is_below).values(inbox=name)).rowcount


def follow_recipes(connection: Connection, spec_of: Callable[[bytes], JobSpec | None]) -> int:
    """The waiting jobs that the intake has queued get the recipe and detail that a new file at their path gets now.

    Returns how many were changed. `spec_of`: None for a path outside of all inboxes. Jobs that a person has requested
    (`fresh`) keep theirs.
    """
    waiting = (jobs.c.state == JobState.QUEUED, jobs.c.task == JobTask.DESCRIBE, ~jobs.c.fresh)
    query = select(jobs.c.id, paths.c.path, *(jobs.c[name] for name in FOLLOWED)).where(*waiting)
    changed: dict[JobSpec, list[int]] = {}
    for row in connection.execute(query.join(paths, paths.c.id == jobs.c.path_id)).all():
        spec = spec_of(row.path)
        if spec is not None and followed(spec) != {name: row._mapping[name] for name in FOLLOWED}:
            changed.setdefault(spec, []).append(row.id)
    return sum(give_recipe(connection, chunk, spec) for spec, ids in changed.items() for chunk in chunks(ids))


def give_recipe(connection: Connection, ids: Sequence[int], spec: JobSpec) -> int:
    """Unless the path has a waiting job of that recipe already."""
    other = jobs.alias()
    taken = exists().where(
        other.c.path_id == jobs.c.path_id,
        other.c.state == JobState.QUEUED,
        rows.asks(spec, other),
        other.c.id != jobs.c.id,
    )
    still = (jobs.c.id.in_(ids), jobs.c.state == JobState.QUEUED, ~taken)
    return connection.execute(update(jobs).where(*still).values(**followed(spec))).rowcount


def followed(spec: JobSpec) -> dict[str, Any]:
    columns = rows.spec_columns(spec)
    return {name: columns[name] for name in FOLLOWED}
