"""The home: its settings, folders, database, disk space, log and clock."""

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
from config.recipes import load_recipe
from config.settings import Settings
from daemon.doctor.finding import Finding, ok, problem, warning
from storage.db.database import open_database, read_schema
from storage.db.sqlite import LOCAL_DISK
from storage.errors import StorageError, TransientError
from storage.filesystems import free_bytes, network_kind
from storage.health import problems
from storage.migrations import HEAD

#: Warn when less than this is free beyond work.keep_free_bytes.
SCARCE_BYTES = 1_000_000_000
FIRST_YEAR = 2025
SKEW = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class DatabaseFacts:
    """`schema`: None without a database. `transient` and `error`: why it cannot be used, for now or at all.

    `problems`: inconsistencies within it.
    """

    schema: str | None = None
    transient: str = ""
    error: str = ""
    advice: str = ""
    problems: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class HomeFacts:
    """`recipe_error`: why the chosen recipe cannot be used; "" if it can.

    `misspelt`: ignored variables, each with the one that it is most like. `unwritable`: what cannot be written.

    `free`: free bytes by what lies on that disk. `latest`: the time of the last change to a file of the home.
    """

    settings: Settings
    misconfigured: str
    recipe_error: str
    misspelt: Mapping[str, str]
    configured: bool
    exists: bool
    unwritable: Sequence[Path]
    logs_unwritable: bool
    network: str | None
    database: DatabaseFacts
    free: dict[str, int]
    now: datetime
    latest: datetime | None


def settings_or_reason(home: Path | None) -> tuple[Settings, str]:
    """The home's settings and ""; the defaults and the reason if they are not valid."""
    try:
        return load_settings(home=home), ""
    except ConfigError as error:
        return Settings(home=resolve_home(home)), str(error)


def look_at_home(settings: Settings, misconfigured: str, environ: Mapping[str, str], now: datetime) -> HomeFacts:
    files = (settings.database_file, settings.lock_file, settings.log_folder / "smolwatch.log")
    folders = (settings.home, settings.config_file.parent, settings.database_file.parent)
    logs = (settings.log_folder, settings.log_folder / "smolwatch.log")
    return HomeFacts(
        settings=settings,
        misconfigured=misconfigured,
        recipe_error=recipe_error(settings),
        misspelt=misspelt_variables(environ),
        configured=os.path.exists(settings.config_file),
        exists=os.path.exists(settings.home),
        unwritable=[path for path in (*folders, *files[:2]) if is_closed(path)],
        logs_unwritable=any(map(is_closed, logs))
        or (os.path.lexists(settings.log_folder) and not os.path.isdir(settings.log_folder)),
        network=network_kind(settings.home),
        database=look_at_database(settings.database_place),
        free=free_by_disk(settings),
        now=now,
        latest=max(filter(None, map(changed_at, files)), default=None),
    )


def recipe_error(settings: Settings) -> str:
    try:
        load_recipe(settings.recipe, settings.home)
    except ConfigError as error:
        return f"{error} {error.advice}".strip()
    return ""


def is_closed(path: Path) -> bool:
    """It exists and we may not write it. Missing files are created later, so they do not count."""
    return os.path.lexists(path) and not os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def look_at_database(place: Path | str) -> DatabaseFacts:
    schema = None
    try:
        schema = read_schema(place)
        if schema is None or schema < HEAD:
            return DatabaseFacts(schema=schema)
        with closing(open_database(place, read_only=True)) as database:
            return DatabaseFacts(schema=schema, problems=problems(database))
    except TransientError as error:
        return DatabaseFacts(schema=schema, transient=str(error), advice=error.advice)
    except StorageError as error:
        return DatabaseFacts(schema=schema, error=str(error), advice=error.advice)


def free_by_disk(settings: Settings) -> dict[str, int]:
    """Free bytes on the home's disk and on other disks of inboxes and their outputs."""
    free: dict[str, int] = {}
    devices = set()
    several = len(settings.inboxes) > 1
    places = [("home", settings.home)]
    for inbox in settings.inboxes:
        places.append((f"inbox {inbox.name}" if several else "inbox", inbox.path))
        places += [(f"output of {inbox.name}", inbox.output)] if inbox.output else []
    for name, folder in places:
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


def findings(facts: HomeFacts) -> Iterator[Finding]:
    yield settings_line(facts)
    yield recipe_line(facts)
    yield home_line(facts)
    yield database_line(facts.database, facts.settings.database_place)
    yield room_line(facts)
    yield logs_line(facts)
    yield clock_line(facts.now, facts.latest)


def settings_line(facts: HomeFacts) -> Finding:
    if facts.misconfigured:
        advice = f"Fix them in {facts.settings.config_file}. The lines below are about the default settings."
        return problem("settings", facts.misconfigured, advice)
    chosen = str(facts.settings.config_file) if facts.configured else "the defaults; there is no settings file yet"
    if facts.misspelt:
        text = ". ".join(f"{name} is not a setting and is ignored" for name in facts.misspelt)
        advice = " ".join(f"Did you mean {meant}?" for meant in facts.misspelt.values())
        return warning("settings", text, advice)
    return ok("settings", chosen)


def recipe_line(facts: HomeFacts) -> Finding:
    if facts.recipe_error:
        return problem("recipe", facts.recipe_error, "To see the recipes: smolwatch recipes")
    return ok("recipe", facts.settings.recipe)


def home_line(facts: HomeFacts) -> Finding:
    home = facts.settings.home
    if facts.network:
        return problem("home", f"{home} is on a network disk ({facts.network})", LOCAL_DISK)
    if facts.unwritable:
        text = f"Not writable: {', '.join(map(str, facts.unwritable))}"
        return problem("home", text, f'Take ownership of them: sudo chown -R "$(id -un)" "{home}"')
    return ok("home", str(home) if facts.exists else f"{home}; it is created at the first start")


def database_line(database: DatabaseFacts, place: Path | str) -> Finding:
    if database.error:
        return problem("database", database.error, database.advice)
    if database.transient:
        return warning("database", database.transient, database.advice)
    if database.problems:
        text = " ".join(database.problems)
        return problem(
            "database", text, "Make a backup (smolwatch db backup) and report the output of: smolwatch db check --json"
        )
    if database.schema is None:
        return ok("database", "there is none yet; it is created at the first start")
    if database.schema < HEAD:
        text = f"It has the older schema {database.schema}"
        copied = "after making a backup" if isinstance(place, Path) else "so back it up with pg_dump first"
        return warning("database", text, f"The next start upgrades it to {HEAD}, {copied}: smolwatch run")
    return ok("database", f"{place}, schema {database.schema}, consistent")


def room_line(facts: HomeFacts) -> Finding:
    keep = facts.settings.work.keep_free_bytes
    text = ", ".join(f"{free / 1e9:.1f} GB free on the disk of the {name}" for name, free in facts.free.items())
    least = min(facts.free.values(), default=0)
    if least < keep:
        advice = f"Make room: no file is described while less than {keep / 1e6:.0f} MB is free."
        return problem("room", text or "The free space is not known", advice)
    if least < keep + SCARCE_BYTES:
        return warning("room", text, f"Make room soon: work pauses when less than {keep / 1e6:.0f} MB is free.")
    return ok("room", text)


def logs_line(facts: HomeFacts) -> Finding:
    folder = facts.settings.log_folder
    if facts.logs_unwritable:
        advice = f'Make it a folder that you own: sudo chown -R "$(id -un)" "{folder}". Until then nothing is logged.'
        return problem("logs", f"{folder} cannot be written", advice)
    return ok("logs", str(folder))


def clock_line(now: datetime, latest: datetime | None) -> Finding:
    text = f"{now:%Y-%m-%d %H:%M} UTC"
    advice = "Set the clock (ideally automatically); retries are scheduled by it."
    if now.year < FIRST_YEAR:
        return problem("clock", f"The clock is at {text}", advice)
    if latest is not None and latest > now + SKEW:
        return warning(
            "clock", f"The clock is at {text}, but the home holds a file of {latest:%Y-%m-%d %H:%M} UTC", advice
        )
    return ok("clock", text)
