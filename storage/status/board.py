"""The status board: one row for each kind of `storage.status.values`, or for each inbox, and whether work is paused."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar

from config.inboxes import DEFAULT_INBOX
from storage.db import pause_state, rows
from storage.db.database import Database
from storage.jobs.transactions import DirectRunner, TransactionRunner, Transactions
from storage.status.inbox_values import InboxDisk, IntakeStatus
from storage.status.values import DaemonStatus, EngineStatus, FeatureCacheStatus, PowerStatus, StartsStatus, Status

S = TypeVar("S", bound=Status)


class StatusReader:
    """Each method returns what was posted last; the empty value if nothing was. All may raise StorageError.

    `runner` decides whether a failed transaction is run again; by default it is not.
    """

    def __init__(self, database: Database, runner: TransactionRunner | None = None) -> None:
        self._transactions = Transactions(database, utc_now, runner or DirectRunner())

    def daemon(self) -> DaemonStatus:
        return self._read(DaemonStatus) or DaemonStatus()

    def engine(self) -> EngineStatus:
        return self._read(EngineStatus) or EngineStatus()

    def feature_cache(self) -> FeatureCacheStatus:
        return self._read(FeatureCacheStatus) or FeatureCacheStatus()

    def power(self) -> PowerStatus:
        return self._read(PowerStatus) or PowerStatus()

    def intake(self, inbox: str = DEFAULT_INBOX) -> IntakeStatus | None:
        """Of the inbox with this name; None before its intake has reported."""
        return self._read(IntakeStatus, IntakeStatus.key_of(inbox))

    def intakes(self, inboxes: Collection[str]) -> dict[str, IntakeStatus]:
        """Of those of these inboxes whose intake has reported, by name."""
        found = {inbox: self.intake(inbox) for inbox in inboxes}
        return {inbox: status for inbox, status in found.items() if status is not None}

    def starts(self) -> StartsStatus:
        return self._read(StartsStatus) or StartsStatus()

    def inbox_disk(self, inbox: str = DEFAULT_INBOX) -> InboxDisk | None:
        """None before the inbox was first seen."""
        return self._read(InboxDisk, InboxDisk.key_of(inbox))

    def paused_since(self) -> datetime | None:
        """When work was paused on request; None while it is not paused."""
        return self._transactions.read(pause_state.paused_since)

    def _read(self, kind: type[S], key: str = "") -> S | None:
        stored = self._transactions.read(lambda connection: rows.read_state(connection, key or kind.KEY))
        return None if stored is None else kind.from_json(stored)


class StatusBoard(StatusReader):
    """The same for a process of the daemon, which posts. `run`: the id of its run."""

    def __init__(self, database: Database, run: str, runner: TransactionRunner | None = None) -> None:
        super().__init__(database, runner)
        self._run = run

    def post(self, status: Status) -> None:
        """Replace what was posted of this kind."""
        row = replace(status, run=self._run).to_json()
        self._transactions.write(lambda connection, _: rows.write_state(connection, status.key, row))


def utc_now() -> datetime:
    return datetime.now(UTC)
