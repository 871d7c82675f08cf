"""Checks a database and its SQLite version. Reads only."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from sqlalchemy import Connection

from storage.db.database import Database
from storage.errors import StorageError, TransientError
from storage.lifecycle import TRANSITIONS, JobState

SQLITE_VERSION = sqlite3.sqlite_version_info
MAX_NAMED = 5
#: Two connections that write and reset the log at the same moment can damage the file. https://sqlite.org/wal.html
WAL_RESET_FIRST, WAL_RESET_FIXED = (3, 7, 0), (3, 51, 3)

DESCRIBED = f"('{JobState.PUBLISHING}', '{JobState.DONE}')"
EVENT_ORDER = (
    "SELECT job_id, id, before, after, lag(after) OVER (PARTITION BY job_id ORDER BY id) AS previous, "
    "row_number() OVER (PARTITION BY job_id ORDER BY id DESC) AS from_end FROM events"
)
KNOWN_TRANSITIONS = ", ".join(f"('{before}', '{after}')" for before, after in sorted(TRANSITIONS))
#: The rules for jobs: a violation, and a query for the jobs that violate it.
RULES = {
    "described, but without a description": (
        f"SELECT id FROM jobs WHERE state IN {DESCRIBED} AND id NOT IN (SELECT job_id FROM descriptions)"
    ),
    "not described, but with a description": (
        f"SELECT id FROM jobs WHERE state NOT IN {DESCRIBED} AND id IN (SELECT job_id FROM descriptions)"
    ),
    "described, but without statistics": (
        "SELECT job_id FROM descriptions WHERE id NOT IN (SELECT description_id FROM stats)"
    ),
    "queued, with no attempt left": (
        f"SELECT id FROM jobs WHERE state = '{JobState.QUEUED}' AND attempts >= max_attempts"
    ),
    "claimed more often than its token counts": (
        "SELECT jobs.id FROM jobs JOIN events ON events.job_id = jobs.id "
        f"WHERE events.after = '{JobState.RUNNING}' GROUP BY jobs.id, token HAVING count(*) > token"
    ),
    "in another state than its last event": (
        f"SELECT jobs.id FROM jobs LEFT JOIN ({EVENT_ORDER}) AS last ON job_id = jobs.id AND from_end = 1 "
        "WHERE after IS NULL OR after <> state"
    ),
    "with events that are not consecutive": (
        f"SELECT DISTINCT job_id FROM ({EVENT_ORDER}) AS followed WHERE coalesce(before, '') <> coalesce(previous, '')"
    ),
    "with a transition that is not allowed": (
        "SELECT DISTINCT job_id FROM events WHERE before <> after AND (before, after) NOT IN "
        f"(VALUES {KNOWN_TRANSITIONS})"
    ),
}


def has_wal_reset_bug(version: tuple[int, ...] = SQLITE_VERSION) -> bool:
    """Whether this SQLite can damage a database that two processes write at once (3.7.0 to 3.51.2)."""
    return WAL_RESET_FIRST <= version < WAL_RESET_FIXED


def problems(database: Database) -> list[str]:
    """What is wrong, one sentence each: damaged pages, broken references, and jobs that violate a rule.

    Raises TransientError when the database cannot be read now.
    """
    try:
        with database.read() as connection:
            if damage := list(database.backend.damage(connection)):
                return damage
            return [*database.backend.broken_references(connection), *broken_rules(connection)]
    except TransientError:
        raise
    except StorageError as error:
        return [str(error)]


def broken_rules(connection: Connection) -> Iterator[str]:
    for rule, query in RULES.items():
        if ids := sorted(connection.exec_driver_sql(query).scalars()):
            named = ", ".join(map(str, ids[:MAX_NAMED]))
            more = f" and {len(ids) - MAX_NAMED} more" if len(ids) > MAX_NAMED else ""
            yield f"Job {named}{more}: {rule}."
