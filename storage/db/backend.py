"""What differs between the databases that smolwatch can keep its books in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from sqlalchemy import Connection, Engine


class Backend(Protocol):
    """One kind of database at one place. All of it may raise StorageError."""

    @property
    def name(self) -> str:
        """Where it is, for people; without secrets."""

    def make_ready(self) -> None:
        """See to it that there is a place to write; the first that is asked before a database is opened to write."""

    def schema(self) -> str | None:
        """The schema's number; None where there is none yet. Looks without writing."""

    def prove_sound(self) -> None:
        """Raises StorageError when it is damaged."""

    def keep_copy(self, of: str) -> None:
        """A copy of what is about to become the schema `of`, where that is in our hands."""

    def copies(self, of: str) -> str:
        """Where to look for a copy of before it became the schema `of`; for people."""

    def make_engine(self, *, read_only: bool) -> Engine:
        """A pool of connections whose transactions hold the only write lock from their start, or only read."""

    def reading(self, engine: Engine) -> Engine:
        """The same pool for transactions that see one state of the database and stop no writer."""

    def one_by_one(self) -> AbstractContextManager[None]:
        """What the writing threads of this process wait for before their transaction, each until the one before ends.

        Raises BusyError after as long as for another program.
        """

    def as_ours(self) -> AbstractContextManager[None]:
        """The driver's errors as storage's, with the place and what to do."""

    def check_room(self) -> None:
        """Raises DiskFullError when no new work should be begun: what is under way still needs room to end."""

    def keep_others_out(self) -> None:
        """No other daemon may work with this database; asked at the daemon's start, and often again while it runs.

        Raises BusyError while another one does.
        """

    def damage(self, connection: Connection) -> Iterator[str]:
        """What is broken in the files below, one sentence each."""

    def broken_references(self, connection: Connection) -> Iterator[str]:
        """Rows that speak of rows that are not there, one sentence each."""

    def close(self) -> None:
        """Let go of what `keep_others_out` holds."""
