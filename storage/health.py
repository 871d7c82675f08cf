"""Whether a database, and the SQLite beneath it, are sound. Looks; changes nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from sqlalchemy import Connection

from storage.db.database import Database
from storage.errors import StorageError, TransientError
from storage.lifecycle import ARROWS, JobState

SQLITE_VERSION = sqlite3.sqlite_version_info
MOST_NAMED = 5
#: Two connections that write and empty the log at the same moment may damage the file. https://sqlite.org/wal.html
WAL_RESET_FIRST, WAL_RESET_FIXED = (3, 7, 0), (3, 51, 3)

DESCRIBED = f"('{JobState.PUBLISHING}', '{JobState.DONE}')"
FOLLOWED = (
    "SELECT job_id, id, before, after, lag(after) OVER (PARTITION BY job_id ORDER BY id) AS previous, "
    "row_number() OVER (PARTITION BY job_id ORDER BY id DESC) AS from_end FROM events"
)
KNOWN_ARROWS = ", ".join(f"('{before}', '{after}')" for before, after in sorted(ARROWS))
#: What must be true of the books, and a query for the jobs of which it is not.
LEDGER = {
    "described, but what was said is not there": (
        f"SELECT id FROM jobs WHERE state IN {DESCRIBED} AND id NOT IN (SELECT job_id FROM descriptions)"
    ),
    "not described, but something was said": (
        f"SELECT id FROM jobs WHERE state NOT IN {DESCRIBED} AND id IN (SELECT job_id FROM descriptions)"
    ),
    "described without figures": ("SELECT job_id FROM descriptions WHERE id NOT IN (SELECT description_id FROM stats)"),
    "queued, with no attempt left": (
        f"SELECT id FROM jobs WHERE state = '{JobState.QUEUED}' AND attempts >= max_attempts"
    ),
    "claimed more often than its token says": (
        "SELECT jobs.id FROM jobs JOIN events ON events.job_id = jobs.id "
        f"WHERE events.after = '{JobState.RUNNING}' GROUP BY jobs.id, token HAVING count(*) > token"
    ),
    "in another state than its last event": (
        f"SELECT jobs.id FROM jobs LEFT JOIN ({FOLLOWED}) AS last ON job_id = jobs.id AND from_end = 1 "
        "WHERE after IS NULL OR after <> state"
    ),
    "with events that do not follow each other": (
        f"SELECT DISTINCT job_id FROM ({FOLLOWED}) AS followed WHERE coalesce(before, '') <> coalesce(previous, '')"
    ),
    "moved as no job moves": (
        f"SELECT DISTINCT job_id FROM events WHERE before <> after AND (before, after) NOT IN (VALUES {KNOWN_ARROWS})"
    ),
}


def has_wal_reset_bug(version: tuple[int, ...] = SQLITE_VERSION) -> bool:
    """Whether this SQLite may damage a database that two processes write at once (3.7.0 to 3.51.2)."""
    return WAL_RESET_FIRST <= version < WAL_RESET_FIXED


def problems(database: Database) -> list[str]:
    """What is wrong, one sentence each: damaged pages, broken references, and jobs against the rules of the house.

    Raises TransientError when it cannot be looked at now.
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
    for rule, query in LEDGER.items():
        if ids := sorted(connection.exec_driver_sql(query).scalars()):
            named = ", ".join(map(str, ids[:MOST_NAMED]))
            more = f" and {len(ids) - MOST_NAMED} more" if len(ids) > MOST_NAMED else ""
            yield f"Job {named}{more}: {rule}."
