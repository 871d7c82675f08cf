"""What differs between the kinds of database that smolwatch supports."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from sqlalchemy import Connection, Engine


class Backend(Protocol):
    """One database of one kind. All methods can raise StorageError."""

    @property
    def name(self) -> str:
        """The file or address, for people; without secrets."""

    def prepare(self) -> None:
        """Make sure that the database can be written; called first when it is opened for writing."""

    def schema(self) -> str | None:
        """The schema's number; None if there is none yet. Reads only."""

    def check_integrity(self) -> None:
        """Raises StorageError when it is damaged."""

    def back_up(self, of: str) -> None:
        """Back up the database before its upgrade to the schema `of`, if that is our task."""

    def backup_hint(self, of: str) -> str:
        """Where to find a backup from before the upgrade to the schema `of`; for people."""

    def make_engine(self, *, read_only: bool) -> Engine:
        """A connection pool whose transactions hold the only write lock from their start, or only read."""

    def reader(self, engine: Engine) -> Engine:
        """The same pool for transactions that see one snapshot of the database and block no writer."""

    def serialize_writers(self) -> AbstractContextManager[None]:
        """Held by a writing thread during its transaction, so that this process has one writer at a time.

        Raises BusyError after the same time as for another program.
        """

    def translate_errors(self) -> AbstractContextManager[None]:
        """Converts the driver's errors to storage's, with the database's name and advice."""

    def check_room(self) -> None:
        """Raises DiskFullError when no new work should start: running work still needs room to finish."""

    def hold_daemon_lock(self) -> None:
        """Lock other daemons out of this database; called at the daemon's start, and often while it runs.

        Raises BusyError while another daemon holds the lock.
        """

    def damage(self, connection: Connection) -> Iterator[str]:
        """The damage in the database's files, one sentence each."""

    def broken_references(self, connection: Connection) -> Iterator[str]:
        """Rows that refer to missing rows, one sentence each."""

    def close(self) -> None:
        """Release the daemon lock."""
