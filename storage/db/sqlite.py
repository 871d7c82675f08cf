"""One SQLite file: connections, its schema and integrity, and the driver's errors as storage's."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, QueuePool, create_engine, event
from sqlalchemy.exc import DBAPIError

from storage.errors import BusyError, DiskFullError, StorageError

BUSY_SECONDS = 10.0
RETRY_SECONDS = 0.02
WAL = "journal_mode=WAL"
DURABLE = ("synchronous=FULL", "foreign_keys=ON", "fullfsync=1", "checkpoint_fullfsync=1")
READING = ("query_only=ON",)
#: The suffixes of the files that SQLite keeps next to a database.
COMPANIONS = ("-wal", "-shm", "-journal")
LOCAL_DISK = "Keep the home on a local disk, not on a network folder."
UNREADABLE = {
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_PROTOCOL,
}


def restore_advice(file: Path) -> str:
    """What to do about a file that cannot be used."""
    return (
        f"Stop smolwatch, move {file} away, and put a backup in its place: one made by smolwatch db backup, or the "
        "automatic one next to it from before the last upgrade. Without a backup, rebuild it from the sidecars: "
        "smolwatch db rebuild. To see what is wrong with the file: smolwatch db check"
    )


def connect(file: Path, *, read_only: bool = False, busy_seconds: float = BUSY_SECONDS) -> sqlite3.Connection:
    """The driver's own connection; never creates a file."""
    mode = "ro" if read_only else "rw"
    return sqlite3.connect(f"{file.as_uri()}?mode={mode}", uri=True, timeout=busy_seconds, check_same_thread=False)


def set_pragma(connection: sqlite3.Connection, pragma: str, busy_seconds: float) -> Any:
    """Set the pragma, waiting so long for other programs. Returns its new value.

    SQLite itself does not wait when two programs switch a new database to WAL: each holds a lock that both need.
    """
    until = time.monotonic() + busy_seconds
    while True:
        try:
            row = connection.execute(f"PRAGMA {pragma}").fetchone()
            return row and row[0]
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= until:
                raise
        time.sleep(RETRY_SECONDS)


def create_pool(file: Path, *, read_only: bool, busy_seconds: float) -> Engine:
    """A connection pool whose transactions hold the write lock from their start, or only read."""
    engine = create_engine(
        "sqlite://",
        creator=lambda: connect(file, read_only=read_only, busy_seconds=busy_seconds),
        poolclass=QueuePool,
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, record: object) -> None:
        connection.isolation_level = None  # SQLAlchemy sends BEGIN, not the driver
        if not read_only and (mode := set_pragma(connection, WAL, busy_seconds)) != "wal":
            message = f"The database {file} cannot use a write-ahead log there: it stays in the mode {mode!r}."
            raise StorageError(message, advice=LOCAL_DISK)
        for pragma in READING if read_only else DURABLE:
            set_pragma(connection, pragma, busy_seconds)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        kind = "DEFERRED" if read_only else connection.get_execution_options().get("sqlite_begin", "IMMEDIATE")
        connection.exec_driver_sql(f"BEGIN {kind}")

    return engine


def schema_of(file: Path) -> str | None:
    """The schema's number; None for an empty database. Reads only.

    Raises StorageError when the file is no database, damaged, or not smolwatch's.
    """
    with translate_errors(file), closing(connect(file, read_only=True)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        ours = {"jobs", "alembic_version"} <= tables
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone() if ours else None
    if tables and row is None:
        raise StorageError(f"{file} is a database, but not one of smolwatch.", advice=restore_advice(file))
    return row[0] if row else None


def check_integrity(file: Path) -> None:
    """Read the whole file once. Raises StorageError when it is damaged."""
    with translate_errors(file), closing(connect(file, read_only=True)) as connection:
        (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise StorageError(f"The database {file} is damaged: {found}.", advice=restore_advice(file))


@contextmanager
def translate_errors(file: Path) -> Iterator[None]:
    """Converts SQLite's errors to storage's, with the path and advice."""
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        translated = translate(file, error.orig if isinstance(error, DBAPIError) else error)
        if translated is None:
            raise
        raise translated from error


def translate(file: Path, error: BaseException | None) -> StorageError | None:
    """None for our own mistakes (a broken constraint, wrong SQL), which are not converted."""
    primary = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if primary in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return BusyError(f"The database {file} is held by another program.")
    if primary == sqlite3.SQLITE_FULL:
        return DiskFullError(f"Disk full: nothing more can be written into the database {file}.")
    if primary == sqlite3.SQLITE_NOTADB:
        return StorageError(f"{file} is not a database.", advice=restore_advice(file))
    if primary == sqlite3.SQLITE_CORRUPT:
        return StorageError(f"The database {file} is damaged.", advice=restore_advice(file))
    if primary in UNREADABLE:
        return StorageError(f"The database {file} cannot be read or written: {error}.", advice=LOCAL_DISK)
    return None
