"""Opens, checks and migrates the database; transactions.

Writers hold the only write lock from their start: with SQLAlchemy's default, two workers can claim one job.
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

#: The prefixes of PostgreSQL addresses.
SCHEMES = ("postgresql://", "postgres://")


class Database:
    """One open database. Safe to share between threads; each transaction has its own connection."""

    def __init__(self, backend: Backend, *, read_only: bool = False) -> None:
        self.backend = backend
        self._engine = backend.make_engine(read_only=read_only)
        self._reading = backend.reader(self._engine)

    @property
    def name(self) -> str:
        """The file or address, for people."""
        return self.backend.name

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that holds the only write lock from its start; rolled back when the block raises."""
        with self.backend.translate_errors(), self.backend.serialize_writers(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one snapshot of the database and blocks no writer."""
        with self.backend.translate_errors(), self._reading.begin() as connection:
            yield connection

    def check_room(self) -> None:
        """Raises DiskFullError when no new work should start: running work still needs room to finish."""
        self.backend.check_room()

    def hold_daemon_lock(self) -> None:
        """Lock other daemons out of this database. Raises BusyError while another one holds the lock."""
        self.backend.hold_daemon_lock()

    def check_lock(self) -> None:
        """Take and release the write lock. Raises BusyError when another program does not release it."""
        with self.write():
            pass

    def check_writing(self) -> None:
        """A real write that changes nothing. Raises StorageError if none is possible, TransientError: not now."""
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
    """Open the file, or the address "postgresql://…"; create and migrate it if needed.

    `read_only` changes nothing and does the fewest checks. `keep_free`: see `SqliteFile`.
    Raises NotFoundError (read-only, and there is none); StorageError when it is no database, damaged, not smolwatch's,
    written by a newer version, or on a network disk; it is not changed then. TransientError: another program has
    locked it, its disk is full, or its server is away.
    """
    backend, migrations = backend_at(place, keep_free, busy_seconds), migrations or Migrations()
    if read_only:
        check_schema(backend, migrations, read_only=True)
        return Database(backend, read_only=True)
    backend.prepare()
    version = check_schema(backend, migrations)
    backend.check_integrity()
    if version and version != migrations.head:
        backend.back_up(migrations.head)
    database = Database(backend)
    try:
        migrate(database, version, migrations)
    except BaseException:
        database.close()
        raise
    return database


def read_schema(place: Path | str) -> str | None:
    """The schema's number, None without a database. Reads only. Raises StorageError."""
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
    """The schema's number, None for an empty database. Raises StorageError if this version cannot use it.

    With `read_only` it must exist: raises NotFoundError.
    """
    version = backend.schema()
    if version and version > migrations.head:
        raise StorageError(
            f"The database {backend.name} has schema {version}; this smolwatch supports up to {migrations.head}.",
            advice="Upgrade smolwatch, choose another home, or restore an earlier backup: "
            f"{backend.backup_hint(version)}.",
        )
    if read_only and version is None:
        raise NotFoundError(
            f"There is no database at {backend.name} yet.", advice="Start the daemon with: smolwatch run"
        )
    if read_only and version != migrations.head:
        raise StorageError(
            f"The database {backend.name} has schema {version}; {migrations.head} is required.",
            advice="Start the daemon once to upgrade it: smolwatch run",
        )
    return version


def migrate(database: Database, version: str | None, migrations: Migrations) -> None:
    """Run all due steps in one transaction; then test a write, since some disks refuse only that."""
    if version != migrations.head:
        with database.write() as connection:
            migrations.apply(connection)
    database.check_writing()
