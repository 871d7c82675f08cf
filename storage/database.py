"""The database: opened, checked, brought up to date; transactions; room on its disk.

Writers begin IMMEDIATE: with SQLAlchemy's own way, two workers can claim one job (reference: SQLite locking).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine

from config.errors import NotFoundError
from storage.errors import DiskFullError, PassingError, StorageError
from storage.migrations import Migrations
from storage.sqlite import BUSY_SECONDS, LOCAL_DISK, as_ours, look_for_damage, make_engine, schema_of
from storage.volumes import free_bytes, network_kind


class Database:
    """One open database. Safe to share between threads; each transaction has a connection of its own.

    `keep_free`: the bytes that must stay free on its disk before new work is begun.
    """

    def __init__(self, engine: Engine, file: Path, keep_free: int = 0) -> None:
        self.file = file
        self._keep_free = keep_free
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

    def check_room(self) -> None:
        """Raises DiskFullError when no new work should be begun: what is under way still needs room to end."""
        if not self._keep_free:
            return
        try:
            free = free_bytes(self.file.parent)
        except OSError as error:
            raise StorageError(f"The folder of the database {self.file} is not there: {error.strerror}.") from error
        if free < self._keep_free:
            raise DiskFullError(
                f"Disk full: {free // 10**6} MB are free on the disk of {self.file}; "
                f"work waits until {self._keep_free // 10**6} MB are."
            )

    def check_lock(self) -> None:
        """Take the write lock for a moment. Raises BusyError when another program does not let go of it."""
        with self.write():
            pass

    def check_writing(self) -> None:
        """A real write that changes nothing. Raises StorageError where none is possible, PassingError: not now."""
        with self.write() as connection:
            number = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
            connection.exec_driver_sql(f"PRAGMA user_version = {number}")

    def close(self) -> None:
        self._engine.dispose()


def open_database(
    file: Path | str,
    *,
    read_only: bool = False,
    migrations: Migrations | None = None,
    keep_free: int = 0,
    busy_seconds: float = BUSY_SECONDS,
) -> Database:
    """Open the file, made and migrated when that is due; `read_only` changes nothing, and asks no more than it must.

    Raises NotFoundError (read-only, no file), StorageError when the file is no database, damaged, not
    smolwatch's, written by a newer version, or on a network disk; such a file is left as it was. PassingError:
    it is held by another program, or its disk is full.
    """
    file, migrations = Path(file).absolute(), migrations or Migrations()
    if read_only:
        if not file.exists():
            raise NotFoundError(f"There is no database at {file} yet.", advice="Start the daemon with: smolwatch run")
        check_schema(file, migrations, read_only=True)
        return Database(make_engine(file, read_only=True, busy_seconds=busy_seconds), file)
    refuse_network(file)
    make_private(file)
    version = check_schema(file, migrations)
    look_for_damage(file)
    if version and version != migrations.head:
        from storage.upkeep import back_up  # seldom due, and short commands count every import

        back_up(file, file.with_name(f"{file.name}.before-{migrations.head}"))
    database = Database(make_engine(file, read_only=False, busy_seconds=busy_seconds), file, keep_free)
    try:
        bring_up_to_date(database, version, migrations)
    except BaseException:
        database.close()
        raise
    return database


def refuse_network(file: Path) -> None:
    """SQLite's write-ahead log needs memory that all its users share, which no network disk gives."""
    if kind := network_kind(file.parent):
        raise StorageError(f"The database {file} would lie on a network disk ({kind}).", advice=LOCAL_DISK)


def make_private(file: Path) -> None:
    """Make the file if it is missing; nobody else may read it. SQLite gives its companions the same mode."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        file.chmod(0o600)
    except OSError as error:
        raise StorageError(f"The database {file} cannot be opened: {error.strerror}.") from error


def check_schema(file: Path, migrations: Migrations, *, read_only: bool = False) -> str | None:
    """The schema's number, None for an empty database. Raises StorageError for one that this version cannot use."""
    version = schema_of(file)
    if version and version > migrations.head:
        raise StorageError(
            f"The database {file} has schema {version}; this smolwatch knows none after {migrations.head}.",
            advice="Upgrade smolwatch, choose another home, or put back a backup of before: "
            f"{file}.before-{version}, or what smolwatch db backup made.",
        )
    if read_only and version != migrations.head:
        raise StorageError(
            f"The database {file} has the schema {version or 'of nothing'}; {migrations.head} is needed.",
            advice="Start the daemon once, which brings it up to date: smolwatch run",
        )
    return version


def bring_up_to_date(database: Database, version: str | None, migrations: Migrations) -> None:
    """All the steps that are due, in one transaction; then a write, since some disks refuse only that."""
    with database.write() as connection:
        if version != migrations.head:
            migrations.apply(connection)
        mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
    try:
        if mode != "wal":
            raise StorageError(f"it stays in the mode {mode!r}.")
        database.check_writing()
    except PassingError:
        raise
    except StorageError as error:
        raise StorageError(
            f"The database {database.file} cannot keep a write-ahead log there: {error}", advice=LOCAL_DISK
        ) from error
