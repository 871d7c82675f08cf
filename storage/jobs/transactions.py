"""The transactions of a `JobStore`, and the runner that decides whether a failed one is run again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol, TypeVar

from sqlalchemy import Connection

from storage.db.database import Database

T = TypeVar("T")
Read = Callable[[Connection], T]
Write = Callable[[Connection, datetime], T]


class TransactionRunner(Protocol):
    """Runs transactions, for several threads. One that raised changed nothing, so it can be run again."""

    def run(self, transaction: Callable[[], T]) -> T:
        """The transaction's result. May wait and run it again while it raises TransientError."""

    def try_once(self, transaction: Callable[[], T], default: T) -> T:
        """The same without waiting, for a claim: the caller polls. May return `default` on a TransientError."""


class DirectRunner:
    """Runs each transaction once; every error reaches the caller."""

    def run(self, transaction: Callable[[], T]) -> T:
        return transaction()

    def try_once(self, transaction: Callable[[], T], default: T) -> T:
        return transaction()


class Transactions:
    """A store's only way to its database, so that the runner runs every transaction.

    `needs_room`: raise DiskFullError while the disk has too little room to start anything new.
    """

    def __init__(self, database: Database, clock_now: Callable[[], datetime], runner: TransactionRunner) -> None:
        self._database = database
        self._clock_now = clock_now
        self._runner = runner

    def read(self, query: Read[T]) -> T:
        return self._runner.run(lambda: self._read(query))

    def write(self, change: Write[T], *, needs_room: bool = False) -> T:
        return self._runner.run(lambda: self._write(change, needs_room))

    def try_write(self, change: Write[T], default: T, *, needs_room: bool = False) -> T:
        return self._runner.try_once(lambda: self._write(change, needs_room), default)

    def _read(self, query: Read[T]) -> T:
        with self._database.read() as connection:
            return query(connection)

    def _write(self, change: Write[T], needs_room: bool) -> T:
        if needs_room:
            self._database.check_room()
        with self._database.write() as connection:
            return change(connection, self._clock_now())
