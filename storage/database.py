"""The database file: opened, checked, brought up to date; transactions; foreign errors as our own.

Writers begin IMMEDIATE: with SQLAlchemy's own way, two workers can claim one job (reference: SQLite locking).
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, QueuePool, create_engine, event
from sqlalchemy.exc import DBAPIError

from config.errors import NotFoundError
from storage.errors import BusyError, DiskFullError, StorageError
from storage.migrations import Migrations

BUSY_SECONDS = 10
PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    f"busy_timeout={BUSY_SECONDS * 1000}",
    "foreign_keys=ON",
    "fullfsync=1",
    "checkpoint_fullfsync=1",
)
READ_ONLY_PRAGMAS = (f"busy_timeout={BUSY_SECONDS * 1000}", "query_only=ON")
RESTORE = "Stop smolwatch, move the file away or put a backup in its place, and start again."


class Database:
    """One open database. Safe to share between threads; each transaction has a connection of its own."""

    def __init__(self, engine: Engine, file: Path) -> None:
        self.file = file
        self._engine = engine
        self._reading = engine.execution_options(sqlite_begin="DEFERRED")

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that holds the only write lock from its start; rolled back when the block raises."""
        with as_ours(self.file), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database and stops no writer."""
        with as_ours(self.file), self._reading.begin() as connection:
            yield connection

    def close(self) -> None:
        self._engine.dispose()


def open_database(file: Path | str, *, read_only: bool = False, migrations: Migrations | None = None) -> Database:
    """Open the file, made and migrated when that is due; `read_only` changes nothing.

    Raises NotFoundError (read-only, no file), StorageError when the file is no database, damaged, not
    smolwatch's, or written by a newer version; such a file is left as it was.
    """
    file, migrations = Path(file).absolute(), migrations or Migrations()
    if read_only:
        if not file.exists():
            raise NotFoundError(f"There is no database at {file} yet.", advice="Start the daemon with: smolwatch run")
        check_version(file, migrations, read_only=True)
        return Database(make_engine(file, read_only=True), file)
    make_private(file)
    version = check_version(file, migrations)
    if version and version != migrations.head:
        back_up(file, file.with_name(f"{file.name}.before-{migrations.head}"))
    database = Database(make_engine(file), file)
    try:
        bring_up_to_date(database, version, migrations)
    except BaseException:
        database.close()
        raise
    return database


def bring_up_to_date(database: Database, version: str | None, migrations: Migrations) -> None:
    with database.write() as connection:
        if version != migrations.head:
            migrations.apply(connection)
        found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
        if found != "ok":
            raise StorageError(f"The database {database.file} is damaged: {found}.", advice=RESTORE)
        mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
        if mode != "wal":
            raise StorageError(
                f"The database {database.file} cannot keep a write-ahead log there.",
                advice="Keep the home on a local disk, not on a network folder.",
            )


def make_private(file: Path) -> None:
    """Make the file if it is missing; nobody else may read it. SQLite gives its companions the same mode."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        file.chmod(0o600)
    except OSError as error:
        raise StorageError(f"The database {file} cannot be opened: {error.strerror}.") from error


def check_version(file: Path, migrations: Migrations, *, read_only: bool = False) -> str | None:
    """The schema's number, None for an empty database. Looks without writing, before anything else is done."""
    with as_ours(file), closing(connect(file, read_only=True)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        rows = connection.execute("SELECT version_num FROM alembic_version").fetchall() if "jobs" in tables else []
    if tables and not rows:
        raise StorageError(f"{file} is a database, but not one of smolwatch.", advice=RESTORE)
    version = rows[0][0] if rows else None
    if version and version > migrations.head:
        raise StorageError(
            f"The database {file} has schema {version}; this smolwatch knows none after {migrations.head}.",
            advice="Upgrade smolwatch, or choose another home.",
        )
    if read_only and version != migrations.head:
        raise StorageError(
            f"The database {file} has the schema {version or 'of nothing'}; {migrations.head} is needed.",
            advice="Start the daemon once, which brings it up to date: smolwatch run",
        )
    return version


def back_up(file: Path, copy: Path) -> None:
    """A whole copy of a live database."""
    make_private(copy)
    with as_ours(file), closing(connect(file, read_only=True)) as source, closing(connect(copy)) as target:
        source.backup(target)


def connect(file: Path, *, read_only: bool = False) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{file.as_uri()}?mode={'ro' if read_only else 'rw'}", uri=True, timeout=BUSY_SECONDS, check_same_thread=False
    )


def make_engine(file: Path, *, read_only: bool = False) -> Engine:
    engine = create_engine("sqlite://", creator=lambda: connect(file, read_only=read_only), poolclass=QueuePool)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, record: object) -> None:
        connection.isolation_level = None  # SQLAlchemy says BEGIN, not the driver
        for pragma in READ_ONLY_PRAGMAS if read_only else PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        kind = "DEFERRED" if read_only else connection.get_execution_options().get("sqlite_begin", "IMMEDIATE")
        connection.exec_driver_sql(f"BEGIN {kind}")

    return engine


@contextmanager
def as_ours(file: Path) -> Iterator[None]:
    """SQLite's errors as storage's, with the path and what to do."""
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        ours = translated(file, error.orig if isinstance(error, DBAPIError) else error)
        if ours is None:
            raise
        raise ours from error


def translated(file: Path, error: BaseException | None) -> StorageError | None:
    """None for what is a mistake of ours (a broken constraint, wrong SQL): it stays as it is."""
    primary = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if primary in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return BusyError(f"The database {file} has been held by another program for {BUSY_SECONDS} s.")
    if primary == sqlite3.SQLITE_FULL:
        return DiskFullError(f"The disk of the database {file} is full.")
    if primary == sqlite3.SQLITE_NOTADB:
        return StorageError(f"{file} is not a database.", advice=RESTORE)
    if primary == sqlite3.SQLITE_CORRUPT:
        return StorageError(f"The database {file} is damaged.", advice=RESTORE)
    if primary in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR}:
        return StorageError(f"The database {file} cannot be read or written: {error}.")
    return None
