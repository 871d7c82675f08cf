"""The home: its settings, folders, database, room, and whether the clock fits its files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from config.errors import ConfigError
from config.keys import misspelt_variables
from config.load import load_settings, resolve_home
from config.settings import Settings
from daemon.doctor.finding import Finding, ok, problem, warning
from storage.db.database import look_at_schema, open_database
from storage.db.sqlite import LOCAL_DISK
from storage.errors import StorageError, TransientError
from storage.filesystems import free_bytes, network_kind
from storage.health import problems
from storage.migrations import HEAD

#: Below this much free, beyond what must stay free, somebody should know.
SCARCE_BYTES = 1_000_000_000
FIRST_YEAR = 2025
SKEW = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class DatabaseFacts:
    """The database: `schema` None without one; what keeps it from being used, now or at all; what is wrong within."""

    schema: str | None = None
    passing: str = ""
    error: str = ""
    advice: str = ""
    wrong: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class HomeFacts:
    """`misspelt`: ignored variables, each with the one that it is most like. `closed`: what cannot be written.

    `free`: free bytes by what lies on that disk. `latest`: the time of the last change to a file of the home.
    """

    settings: Settings
    misconfigured: str
    misspelt: Mapping[str, str]
    configured: bool
    exists: bool
    closed: Sequence[Path]
    closed_logs: bool
    network: str | None
    books: DatabaseFacts
    free: dict[str, int]
    now: datetime
    latest: datetime | None


def settings_or_why(home: Path | None) -> tuple[Settings, str]:
    """The home's settings; the defaults, and why, where they are not valid."""
    try:
        return load_settings(home=home), ""
    except ConfigError as error:
        return Settings(home=resolve_home(home)), str(error)


def look_at_house(settings: Settings, misconfigured: str, environ: Mapping[str, str], now: datetime) -> HomeFacts:
    files = (settings.database_file, settings.lock_file, settings.log_folder / "smolwatch.log")
    folders = (settings.home, settings.config_file.parent, settings.database_file.parent)
    logs = (settings.log_folder, settings.log_folder / "smolwatch.log")
    return HomeFacts(
        settings=settings,
        misconfigured=misconfigured,
        misspelt=misspelt_variables(environ),
        configured=os.path.exists(settings.config_file),
        exists=os.path.exists(settings.home),
        closed=[path for path in (*folders, *files[:2]) if is_closed(path)],
        closed_logs=any(map(is_closed, logs))
        or (os.path.lexists(settings.log_folder) and not os.path.isdir(settings.log_folder)),
        network=network_kind(settings.home),
        books=look_at_books(settings.database_place),
        free=free_by_disk(settings),
        now=now,
        latest=max(filter(None, map(changed_at, files)), default=None),
    )


def is_closed(path: Path) -> bool:
    """There, and not ours to write. What is missing is made."""
    return os.path.lexists(path) and not os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def look_at_books(place: Path | str) -> DatabaseFacts:
    schema = None
    try:
        schema = look_at_schema(place)
        if schema is None or schema < HEAD:
            return DatabaseFacts(schema=schema)
        with closing(open_database(place, read_only=True)) as database:
            return DatabaseFacts(schema=schema, wrong=problems(database))
    except TransientError as error:
        return DatabaseFacts(schema=schema, passing=str(error), advice=error.advice)
    except StorageError as error:
        return DatabaseFacts(schema=schema, error=str(error), advice=error.advice)


def free_by_disk(settings: Settings) -> dict[str, int]:
    """Of the home's disk and, where that is another one, the inbox's."""
    free: dict[str, int] = {}
    devices = set()
    for name, folder in (("home", settings.home), ("inbox", settings.inbox_path)):
        there = next((one for one in (folder, *folder.parents) if os.path.exists(one)), None)
        if there is not None and (device := there.stat().st_dev) not in devices:
            devices.add(device)
            free[name] = free_bytes(there)
    return free


def changed_at(file: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(file.stat().st_mtime, UTC)
    except (OSError, ValueError, OverflowError):
        return None


def lines(house: HomeFacts) -> Iterator[Finding]:
    yield settings_line(house)
    yield home_line(house)
    yield database_line(house.books, house.settings.database_place)
    yield room_line(house)
    yield logs_line(house)
    yield clock_line(house.now, house.latest)


def settings_line(house: HomeFacts) -> Finding:
    if house.misconfigured:
        advice = f"Mend them in {house.settings.config_file}; what follows is about the defaults."
        return problem("settings", house.misconfigured, advice)
    chosen = str(house.settings.config_file) if house.configured else "the defaults; nothing is chosen yet"
    if house.misspelt:
        words = ". ".join(f"{name} is not a setting and is ignored" for name in house.misspelt)
        advice = " ".join(f"Did you mean {meant}?" for meant in house.misspelt.values())
        return warning("settings", words, advice)
    return ok("settings", chosen)


def home_line(house: HomeFacts) -> Finding:
    home = house.settings.home
    if house.network:
        return problem("home", f"{home} lies on a network disk ({house.network})", LOCAL_DISK)
    if house.closed:
        words = f"Not writable: {', '.join(map(str, house.closed))}"
        return problem("home", words, f'Make them yours again: sudo chown -R "$(id -un)" "{home}"')
    return ok("home", str(home) if house.exists else f"{home}; it is made at the first start")


def database_line(books: DatabaseFacts, place: Path | str) -> Finding:
    if books.error:
        return problem("database", books.error, books.advice)
    if books.passing:
        return warning("database", books.passing, books.advice)
    if books.wrong:
        words = " ".join(books.wrong)
        return problem("database", words, "Make a copy (smolwatch db backup) and report it: smolwatch db check --json")
    if books.schema is None:
        return ok("database", "there is none yet; it is made at the first start")
    if books.schema < HEAD:
        words = f"It has the older schema {books.schema}"
        copied = "after a copy is made" if isinstance(place, Path) else "of which pg_dump should make a copy before"
        return warning("database", words, f"The next start brings it to {HEAD}, {copied}: smolwatch run")
    return ok("database", f"{place}, schema {books.schema}, sound")


def room_line(house: HomeFacts) -> Finding:
    keep = house.settings.work.keep_free_bytes
    words = ", ".join(f"{free / 1e9:.1f} GB free on the disk of the {name}" for name, free in house.free.items())
    least = min(house.free.values(), default=0)
    if least < keep:
        advice = f"Make room: nothing is described while less than {keep / 1e6:.0f} MB are free."
        return problem("room", words or "the disk does not tell", advice)
    if least < keep + SCARCE_BYTES:
        return warning("room", words, f"Make room soon: work pauses when less than {keep / 1e6:.0f} MB are free.")
    return ok("room", words)


def logs_line(house: HomeFacts) -> Finding:
    folder = house.settings.log_folder
    if house.closed_logs:
        advice = f'Make it a folder of yours: sudo chown -R "$(id -un)" "{folder}"; what is logged meanwhile is lost.'
        return problem("logs", f"{folder} cannot be written", advice)
    return ok("logs", str(folder))


def clock_line(now: datetime, latest: datetime | None) -> Finding:
    words = f"{now:%Y-%m-%d %H:%M} UTC"
    advice = "Set the clock, best by the network's time; jobs wait by it."
    if now.year < FIRST_YEAR:
        return problem("clock", f"The clock says {words}", advice)
    if latest is not None and latest > now + SKEW:
        return warning("clock", f"It is {words}, but the home holds a file of {latest:%Y-%m-%d %H:%M} UTC", advice)
    return ok("clock", words)
