"""SQLite as a backend: one file in the home, kept private, checked, and backed up before a migration."""

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
    """A `Backend`. `keep_free`: the bytes that must be free on its disk before new work starts."""

    def __init__(self, file: Path, *, keep_free: int, busy_seconds: float) -> None:
        self._file = file
        self._keep_free = keep_free
        self._busy_seconds = busy_seconds
        self._writing = Lock()

    @property
    def name(self) -> str:
        return str(self._file)

    def prepare(self) -> None:
        refuse_network(self._file)
        make_private(self._file)

    def schema(self) -> str | None:
        try:
            self._file.stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError(
                f"The database {self._file} cannot be accessed: {error.strerror}.",
                advice=f"Check the permissions of its folder: ls -ld '{self._file.parent}'",
            ) from error
        return sqlite.schema_of(self._file)

    def check_integrity(self) -> None:
        sqlite.check_integrity(self._file)

    def back_up(self, of: str) -> None:
        from storage.db.sqlite_maintenance import back_up  # rarely needed, and slows short commands

        back_up(self._file, self._file.with_name(f"{self._file.name}.before-{of}"))

    def backup_hint(self, of: str) -> str:
        return f"{self._file}.before-{of}, or one made by smolwatch db backup"

    def make_engine(self, *, read_only: bool) -> Engine:
        return sqlite.create_pool(self._file, read_only=read_only, busy_seconds=self._busy_seconds)

    def reader(self, engine: Engine) -> Engine:
        return engine.execution_options(sqlite_begin="DEFERRED")

    @contextmanager
    def serialize_writers(self) -> Iterator[None]:
        """SQLite's own lock polls, with sleeps of up to a tenth of a second."""
        if not self._writing.acquire(timeout=self._busy_seconds):
            raise BusyError(f"The database {self._file} is held by another thread of this process.")
        try:
            yield
        finally:
            self._writing.release()

    def translate_errors(self) -> AbstractContextManager[None]:
        return sqlite.translate_errors(self._file)

    def check_room(self) -> None:
        if not self._keep_free:
            return
        try:
            free = free_bytes(self._file.parent)
        except OSError as error:
            raise StorageError(f"The folder of the database {self._file} is missing: {error.strerror}.") from error
        if free < self._keep_free:
            raise DiskFullError(
                f"Disk full: {size_text(free)} free on the disk of {self._file}, "
                f"{size_text(self._keep_free)} required (work.keep_free_bytes)."
            )

    def hold_daemon_lock(self) -> None:
        """The home's lock is enough: the file is in the home."""

    def damage(self, connection: Connection) -> Iterator[str]:
        for (found,) in connection.exec_driver_sql("PRAGMA integrity_check"):
            if found != "ok":
                yield f"Damaged: {found}"

    def broken_references(self, connection: Connection) -> Iterator[str]:
        for table, row, parent, _ in connection.exec_driver_sql("PRAGMA foreign_key_check"):
            yield f"Row {row} of {table} refers to a missing row of {parent}."

    def close(self) -> None:
        """There is no lock to release."""


def refuse_network(file: Path) -> None:
    """SQLite's write-ahead log needs shared memory, which no network disk provides."""
    if kind := network_kind(file.parent):
        raise StorageError(f"The database {file} would be on a network disk ({kind}).", advice=sqlite.LOCAL_DISK)


def make_private(file: Path) -> None:
    """Create the file if it is missing, readable only for its owner. SQLite's companion files get the same mode."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        file.chmod(0o600)
    except OSError as error:
        raise StorageError(f"The database {file} cannot be opened: {error.strerror}.") from error


def size_text(size: int) -> str:
    """ "70.3 GB" or "4 MB"."""
    return f"{size / 10**9:.1f} GB" if size >= 10**9 else f"{size // 10**6} MB"
