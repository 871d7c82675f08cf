"""`smolwatch db`: a copy of the database, its health, its size, and what brings it back when it was lost."""

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
    "This SQLite has a bug that may, very seldom, damage a database that two processes write at once. "
    "Use a Python whose SQLite is 3.51.3 or newer, and make backups."
)


#: Why descriptions were not taken back, as lines for people.
NOT_TAKEN = {
    "none": "have no sidecar",
    "no record": "have only a text (.md), without the record (.smolwatch.json)",
    "damaged": "have a damaged record",
    "newer": "have a record of a newer smolwatch",
    "other bytes": "are not the files that were described: they hold other bytes",
    "unreadable": "cannot be read, or are no pictures and videos",
}


@click.group(short_help="Copy, check, shrink or rebuild the database.")
def command() -> None:
    """Copy, check, shrink or rebuild the database."""


@command.command(short_help="Copy the database, also while the daemon runs.")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.pass_obj
def backup(home: Path | None, file: Path | None) -> None:
    """Copy the database to FILE, also while the daemon runs. An older copy there is replaced, nothing else is.

    Without FILE: to data/backups in the home, by date and time. A server's database has pg_dump instead.
    """
    from storage.db.sqlite_maintenance import back_up

    settings = load_settings(home=home)
    database = existing(settings)
    if file is None:
        folder = database.parent / "backups"
        folder.mkdir(mode=0o700, exist_ok=True)
        file = folder / f"smolwatch-{SystemClock().now():%Y%m%d-%H%M%S}.db"
    back_up(database, file)
    say(f"Copied to {safe_text(str(file))} ({size(file.stat().st_size)})")


@command.command(short_help="Tell whether the database is sound.")
@json_option
@click.pass_obj
def check(home: Path | None, as_json: bool) -> int:
    """Tell whether the database is sound: its pages, its references, and the books that smolwatch keeps of the jobs.

    The exit code is 1 when something is wrong, 78 when it cannot be read at all.
    """
    report = look(load_settings(home=home))
    if as_json:
        say_json(report)
    else:
        say_facts(lines(report))
    return 1 if report["problems"] else 0


@command.command(short_help="Give unused room back to the disk.")
@click.pass_obj
def vacuum(home: Path | None) -> None:
    """Give the room of what was deleted back to the disk. The daemon must not run meanwhile."""
    from daemon.lock import holder
    from storage.db.sqlite_maintenance import shrink

    settings = load_settings(home=home)
    database = existing(settings)
    if pid := holder(settings.lock_file):
        raise AlreadyRunningError(
            f"The daemon, process {pid}, uses the database.",
            advice="Stop it first: no job could be written down meanwhile.",
        )
    before = database.stat().st_size
    shrink(database)
    say(f"{safe_text(str(database))}: {size(before)} before, {size(database.stat().st_size)} now")


@command.command(short_help="Take descriptions back from the sidecars, when the database was lost.")
@json_option
@click.pass_obj
def rebuild(home: Path | None, as_json: bool) -> None:
    """Take descriptions back from the sidecars beside the files, when the database was lost. The model is not asked.

    A sidecar counts if its file still holds the bytes that it is about. What the database knows stays as it is, and so
    does what you wrote in the sidecars. The daemon must not run meanwhile: it does the same for every file by itself.
    """
    report = take_back(load_settings(home=home))
    if as_json:
        say_json(report)
        return
    say(f"Took back {report['taken_back']} descriptions from their sidecars.")
    if report["known"]:
        say(f"{report['known']} files are in the database already.")
    for reason, count in report["not_taken_back"].items():
        say(f"{count} files {NOT_TAKEN[reason]}.")
    if report["not_taken_back"]:
        say("They are described by: smolwatch run")


def take_back(settings: Settings) -> dict[str, Any]:
    """The whole report, for programs. Raises AlreadyRunningError while the daemon runs."""
    from contextlib import closing

    from daemon.intake.rebuild import RebuildCounts
    from daemon.intake.rebuild import rebuild as rebuilt
    from daemon.lock import HomeLock
    from storage.db.database import open_database
    from storage.jobs.store import JobStore
    from storage.library import Library

    prepare_home(settings)
    tally = RebuildCounts()
    with HomeLock(settings.lock_file), closing(open_database(settings.database_place)) as database:
        database.hold_daemon_lock()
        for so_far in rebuilt(settings, JobStore(database, SystemClock().now), Library(database)):
            tally = so_far
    others = {str(finding): count for finding, count in tally.others.items()} | {"unreadable": tally.unreadable}
    return {
        "taken_back": tally.taken,
        "known": tally.known,
        "not_taken_back": {reason: count for reason, count in others.items() if count},
    }


def existing(settings: Settings) -> Path:
    """The database's file. Raises NotFoundError, or StorageError when it is none of smolwatch's."""
    from storage.db.sqlite import schema_of

    if settings.database.url:
        raise SmolwatchError(
            f"{settings.database.url} is no file, and in the care of its server.",
            advice="PostgreSQL vacuums by itself, and makes copies with: pg_dump --format=custom --file=FILE ADDRESS",
        )
    if not settings.database_file.exists():
        raise NotFoundError(f"There is no database at {settings.database_file} yet.")
    schema_of(settings.database_file)
    return settings.database_file


def look(settings: Settings) -> dict[str, Any]:
    """The whole report, for programs. A server's database has neither size nor SQLite."""
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


def lines(report: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The same for people."""
    if "sqlite" in report:
        yield "database", safe_text(f"{report['database']}, {size(report['bytes'])}")
        yield "sqlite", f"{report['sqlite']}{f'. {UPGRADE}' if report['wal_reset_bug'] else ''}"
    else:
        yield "database", safe_text(report["database"])
    yield from [("problem", safe_text(problem)) for problem in report["problems"]] or [("check", "ok")]
