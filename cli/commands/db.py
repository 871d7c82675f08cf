"""`smolwatch db`: backup, check, vacuum and rebuild of the database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from cli.options import json_option
from cli.render import say, say_facts, say_json, size
from config.errors import AlreadyRunningError, NotFoundError, SmolwatchError
from config.load import load_settings, prepare_home
from config.safe_text import safe_text
from config.settings import Settings
from daemon.clock import SystemClock

UPGRADE = (
    "This SQLite has a bug that can, very rarely, damage a database while two processes write to it. "
    "Use a Python whose SQLite is 3.51.3 or newer, and make backups."
)


#: Why descriptions were not restored, as text for people.
NOT_RESTORED = {
    "none": "no sidecar",
    "no record": "only a Markdown sidecar (.md), without the JSON one (.smolwatch.json)",
    "damaged": "a damaged JSON sidecar",
    "newer": "a JSON sidecar of a newer smolwatch",
    "other bytes": "changed since the description",
    "unreadable": "cannot be read, or not a picture or video",
}


@click.group(short_help="Back up, check, shrink or rebuild the database.")
def command() -> None:
    """Back up, check, shrink or rebuild the database."""


@command.command(short_help="Back up the database, even while the daemon runs.")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.pass_obj
def backup(home: Path | None, file: Path | None) -> None:
    """Back up the database to FILE, even while the daemon runs. An older backup there is replaced, other files are not.

    Without FILE the backup goes to data/backups in the home, named by date and time. For PostgreSQL use pg_dump.
    """
    from storage.db.sqlite_maintenance import back_up

    settings = load_settings(home=home)
    database = database_file(settings)
    if file is None:
        folder = database.parent / "backups"
        folder.mkdir(mode=0o700, exist_ok=True)
        file = folder / f"smolwatch-{SystemClock().now():%Y%m%d-%H%M%S}.db"
    back_up(database, file)
    say(f"Backed up to {safe_text(str(file))} ({size(file.stat().st_size)})")


@command.command(short_help="Check the database for damage.")
@json_option
@click.pass_obj
def check(home: Path | None, as_json: bool) -> int:
    """Check the database: its pages, its references, and the consistency of jobs and descriptions.

    The exit code is 1 when something is wrong, and 78 when the database cannot be read at all.
    """
    report = inspect(load_settings(home=home))
    if as_json:
        say_json(report)
    else:
        say_facts(facts(report))
    return 1 if report["problems"] else 0


@command.command(short_help="Free unused disk space.")
@click.pass_obj
def vacuum(home: Path | None) -> None:
    """Free the disk space of deleted rows. Stop the daemon first."""
    from daemon.lock import holder
    from storage.db.sqlite_maintenance import shrink

    settings = load_settings(home=home)
    database = database_file(settings)
    if pid := holder(settings.lock_file):
        raise AlreadyRunningError(
            f"The daemon (process {pid}) is using the database.",
            advice="Stop the daemon first, then try again.",
        )
    before = database.stat().st_size
    shrink(database)
    say(f"{safe_text(str(database))}: {size(before)} before, {size(database.stat().st_size)} now")


@command.command(short_help="Restore descriptions from the sidecars after the database was lost.")
@json_option
@click.pass_obj
def rebuild(home: Path | None, as_json: bool) -> None:
    """Restore descriptions from the sidecars beside the files after the database was lost. The model is not used.

    A sidecar counts if its file has not changed since. Descriptions in the database and your text in the sidecars stay.
    Stop the daemon first; it also restores descriptions automatically, file by file.
    """
    report = restore(load_settings(home=home))
    if as_json:
        say_json(report)
        return
    say(f"Restored the descriptions of {counted(report['taken_back'], 'file')} from the sidecars.")
    if report["known"]:
        say(f"Already in the database: {counted(report['known'], 'file')}.")
    for reason, count in report["not_taken_back"].items():
        say(f"Not restored, {counted(count, 'file')}: {NOT_RESTORED[reason]}.")
    if report["not_taken_back"]:
        say("To describe them: smolwatch run")


def counted(count: int, noun: str) -> str:
    return f"1 {noun}" if count == 1 else f"{count:,} {noun}s"


def restore(settings: Settings) -> dict[str, Any]:
    """The report as JSON. Raises AlreadyRunningError while the daemon runs."""
    from contextlib import closing

    from daemon.intake.rebuild import RebuildCounts
    from daemon.intake.rebuild import rebuild as rebuilt
    from daemon.lock import HomeLock
    from storage.db.database import open_database
    from storage.jobs.store import JobStore
    from storage.library import Library

    prepare_home(settings)
    counts = RebuildCounts()
    with HomeLock(settings.lock_file), closing(open_database(settings.database_place)) as database:
        database.hold_daemon_lock()
        for latest in rebuilt(settings, JobStore(database, SystemClock().now), Library(database)):
            counts = latest
    others = {str(finding): count for finding, count in counts.others.items()} | {"unreadable": counts.unreadable}
    return {
        "taken_back": counts.taken,
        "known": counts.known,
        "not_taken_back": {reason: count for reason, count in others.items() if count},
    }


def database_file(settings: Settings) -> Path:
    """The database's file. Raises NotFoundError, or StorageError when it is not smolwatch's."""
    from storage.db.sqlite import schema_of

    if settings.database.url:
        raise SmolwatchError(
            f"{settings.database.url} is on a server: there is no file.",
            advice="PostgreSQL vacuums automatically; to back it up: pg_dump --format=custom --file=FILE ADDRESS",
        )
    if not settings.database_file.exists():
        raise NotFoundError(f"There is no database at {settings.database_file} yet.")
    schema_of(settings.database_file)
    return settings.database_file


def inspect(settings: Settings) -> dict[str, Any]:
    """The report as JSON. A server's database has neither size nor SQLite version."""
    from storage.db.database import open_database
    from storage.health import SQLITE_VERSION, has_wal_reset_bug, problems

    database = open_database(settings.database_place, read_only=True)
    try:
        found = problems(database)
    finally:
        database.close()
    report: dict[str, Any] = {"database": database.name, "problems": found}
    if settings.database.url:
        return report
    return report | {
        "bytes": settings.database_file.stat().st_size,
        "sqlite": ".".join(map(str, SQLITE_VERSION)),
        "wal_reset_bug": has_wal_reset_bug(),
    }


def facts(report: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The report for people."""
    if "sqlite" in report:
        yield "database", safe_text(f"{report['database']}, {size(report['bytes'])}")
        yield "sqlite", f"{report['sqlite']}{f'. {UPGRADE}' if report['wal_reset_bug'] else ''}"
    else:
        yield "database", safe_text(report["database"])
    yield from [("problem", safe_text(problem)) for problem in report["problems"]] or [("check", "ok")]
