"""The database: opened, checked, brought up to date; transactions.

Writers hold the only write lock from their start: with SQLAlchemy's own way, two workers can claim one job.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection

from config.errors import NotFoundError
from storage.db.backend import Backend
from storage.db.sqlite import BUSY_SECONDS
from storage.db.sqlite_backend import SqliteFile
from storage.errors import StorageError
from storage.migrations import Migrations

#: How the addresses of PostgreSQL's databases begin.
SCHEMES = ("postgresql://", "postgres://")


class Database:
    """One open database. Safe to share between threads; each transaction has a connection of its own."""

    def __init__(self, backend: Backend, *, read_only: bool = False) -> None:
        self.backend = backend
        self._engine = backend.make_engine(read_only=read_only)
        self._reading = backend.reading(self._engine)

    @property
    def name(self) -> str:
        """Where it is, for people."""
        return self.backend.name

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that holds the only write lock from its start; rolled back when the block raises."""
        with self.backend.as_ours(), self.backend.one_by_one(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database and stops no writer."""
        with self.backend.as_ours(), self._reading.begin() as connection:
            yield connection

    def check_room(self) -> None:
        """Raises DiskFullError when no new work should be begun: what is under way still needs room to end."""
        self.backend.check_room()

    def keep_others_out(self) -> None:
        """No other daemon may work with this database. Raises BusyError while another one does."""
        self.backend.keep_others_out()

    def check_lock(self) -> None:
        """Take the write lock for a moment. Raises BusyError when another program does not let go of it."""
        with self.write():
            pass

    def check_writing(self) -> None:
        """A real write that changes nothing. Raises StorageError where none is possible, TransientError: not now."""
        with self.write() as connection:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = version_num")

    def close(self) -> None:
        self._engine.dispose()
        self.backend.close()


def open_database(
    place: Path | str,
    *,
    read_only: bool = False,
    migrations: Migrations | None = None,
    keep_free: int = 0,
    busy_seconds: float = BUSY_SECONDS,
) -> Database:
    """Open the file, or the address "postgresql://…", made and migrated when that is due.

    `read_only` changes nothing, and asks no more than it must. `keep_free`: see `SqliteFile`.
    Raises NotFoundError (read-only, and there is none), StorageError when what stands there is no database, damaged,
    not smolwatch's, written by a newer version, or on a network disk; it is left as it was. TransientError:
    it is held by another program, its disk is full, or its server is away.
    """
    backend, migrations = backend_at(place, keep_free, busy_seconds), migrations or Migrations()
    if read_only:
        check_schema(backend, migrations, read_only=True)
        return Database(backend, read_only=True)
    backend.make_ready()
    version = check_schema(backend, migrations)
    backend.prove_sound()
    if version and version != migrations.head:
        backend.keep_copy(migrations.head)
    database = Database(backend)
    try:
        bring_up_to_date(database, version, migrations)
    except BaseException:
        database.close()
        raise
    return database


def look_at_schema(place: Path | str) -> str | None:
    """The schema's number, None where there is no database; changes nothing. Raises StorageError."""
    return backend_at(place, 0, BUSY_SECONDS).schema()


def backend_at(place: Path | str, keep_free: int, busy_seconds: float) -> Backend:
    if not str(place).startswith(SCHEMES):
        return SqliteFile(Path(place).absolute(), keep_free=keep_free, busy_seconds=busy_seconds)
    try:
        from storage.db.postgres_backend import PostgresServer  # its driver is an extra
    except ImportError as error:
        raise StorageError(
            f"The database {place} needs a driver that is not installed.",
            advice="Install it: pip install 'smolwatch[postgres]'",
        ) from error
    return PostgresServer(str(place), busy_seconds=busy_seconds)


def check_schema(backend: Backend, migrations: Migrations, *, read_only: bool = False) -> str | None:
    """The schema's number, None for an empty database. Raises StorageError for one that this version cannot use.

    For reading there must be one: raises NotFoundError.
    """
    version = backend.schema()
    if version and version > migrations.head:
        raise StorageError(
            f"The database {backend.name} has schema {version}; this smolwatch knows none after {migrations.head}.",
            advice="Upgrade smolwatch, choose another home, or put back a backup of before: "
            f"{backend.copies(version)}.",
        )
    if read_only and version is None:
        raise NotFoundError(
            f"There is no database at {backend.name} yet.", advice="Start the daemon with: smolwatch run"
        )
    if read_only and version != migrations.head:
        raise StorageError(
            f"The database {backend.name} has the schema {version}; {migrations.head} is needed.",
            advice="Start the daemon once, which brings it up to date: smolwatch run",
        )
    return version


def bring_up_to_date(database: Database, version: str | None, migrations: Migrations) -> None:
    """All the steps that are due, in one transaction; then a write, since some disks refuse only that."""
    if version != migrations.head:
        with database.write() as connection:
            migrations.apply(connection)
    database.check_writing()
