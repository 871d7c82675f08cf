"""SQLite as a backend: one file in the home, made private, looked over, and copied before it is changed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from threading import Lock

from sqlalchemy import Connection, Engine

from storage.db import sqlite
from storage.errors import BusyError, DiskFullError, StorageError
from storage.filesystems import free_bytes, network_kind


class SqliteFile:
    """A `Backend`. `keep_free`: the bytes that must stay free on its disk before new work is begun."""

    def __init__(self, file: Path, *, keep_free: int, busy_seconds: float) -> None:
        self._file = file
        self._keep_free = keep_free
        self._busy_seconds = busy_seconds
        self._writing = Lock()

    @property
    def name(self) -> str:
        return str(self._file)

    def make_ready(self) -> None:
        refuse_network(self._file)
        make_private(self._file)

    def schema(self) -> str | None:
        try:
            self._file.stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError(
                f"The database {self._file} cannot be looked at: {error.strerror}.",
                advice=f"See who may enter its folder: ls -ld '{self._file.parent}'",
            ) from error
        return sqlite.schema_of(self._file)

    def prove_sound(self) -> None:
        sqlite.look_for_damage(self._file)

    def keep_copy(self, of: str) -> None:
        from storage.db.sqlite_maintenance import back_up  # seldom due, and short commands count every import

        back_up(self._file, self._file.with_name(f"{self._file.name}.before-{of}"))

    def copies(self, of: str) -> str:
        return f"{self._file}.before-{of}, or what smolwatch db backup made"

    def make_engine(self, *, read_only: bool) -> Engine:
        return sqlite.make_engine(self._file, read_only=read_only, busy_seconds=self._busy_seconds)

    def reading(self, engine: Engine) -> Engine:
        return engine.execution_options(sqlite_begin="DEFERRED")

    @contextmanager
    def one_by_one(self) -> Iterator[None]:
        """SQLite has them sleep and look again, for up to a tenth of a second each time."""
        if not self._writing.acquire(timeout=self._busy_seconds):
            raise BusyError(f"The database {self._file} is held by another thread of this process.")
        try:
            yield
        finally:
            self._writing.release()

    def as_ours(self) -> AbstractContextManager[None]:
        return sqlite.as_ours(self._file)

    def check_room(self) -> None:
        if not self._keep_free:
            return
        try:
            free = free_bytes(self._file.parent)
        except OSError as error:
            raise StorageError(f"The folder of the database {self._file} is not there: {error.strerror}.") from error
        if free < self._keep_free:
            raise DiskFullError(
                f"Disk full: {free // 10**6} MB are free on the disk of {self._file}; "
                f"work waits until {self._keep_free // 10**6} MB are."
            )

    def keep_others_out(self) -> None:
        """The home's lock does: the file lies in the home."""

    def damage(self, connection: Connection) -> Iterator[str]:
        for (found,) in connection.exec_driver_sql("PRAGMA integrity_check"):
            if found != "ok":
                yield f"Damaged: {found}"

    def broken_references(self, connection: Connection) -> Iterator[str]:
        for table, row, parent, _ in connection.exec_driver_sql("PRAGMA foreign_key_check"):
            yield f"Row {row} of {table} speaks of a row of {parent} that is not there."

    def close(self) -> None:
        """There is nothing to let go of."""


def refuse_network(file: Path) -> None:
    """SQLite's write-ahead log needs memory that all its users share, which no network disk gives."""
    if kind := network_kind(file.parent):
        raise StorageError(f"The database {file} would lie on a network disk ({kind}).", advice=sqlite.LOCAL_DISK)


def make_private(file: Path) -> None:
    """Make the file if it is missing; nobody else may read it. SQLite gives its companions the same mode."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        file.chmod(0o600)
    except OSError as error:
        raise StorageError(f"The database {file} cannot be opened: {error.strerror}.") from error
