"""Questions in the command inbox: the worker takes them, since it holds the model, and answers them while it works.

A question that was being answered when the worker ended is taken again, `MAX_ATTEMPTS` times in all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, select, update

from storage.commands.command_inbox import answer_of, command_of, own_row, store_answer, waiting_for
from storage.commands.requests import Answer, Command, CommandKind
from storage.db.database import Database
from storage.db.tables import commands
from storage.jobs.transactions import DirectRunner, TransactionRunner, Transactions

MAX_ATTEMPTS = 2
IS_ASK = commands.c.kind == CommandKind.ASK
IS_OPEN = commands.c.answered_at.is_(None)
IS_NEW = commands.c.attempts == 0


@dataclass(frozen=True, kw_only=True)
class WaitingAsks:
    """How many questions wait: `tried` ones were taken before, by a worker that ended or whose model failed."""

    new: int = 0
    tried: int = 0

    def __bool__(self) -> bool:
        return self.new + self.tried > 0


@dataclass(frozen=True, kw_only=True)
class AskState:
    """What the sender of a question sees: the answer, or its text so far and whether a worker has taken it."""

    answer: Answer | None
    partial: str
    is_taken: bool


class AskInbox:
    """Safe to share between threads and processes. All methods may raise StorageError; then nothing was changed.

    `runner` decides whether a failed transaction is run again; by default it is not.
    """

    def __init__(
        self, database: Database, clock_now: Callable[[], datetime], runner: TransactionRunner | None = None
    ) -> None:
        self._transactions = Transactions(database, clock_now, runner or DirectRunner())

    # For the command line

    def read(self, command: Command) -> AskState:
        """Raises CommandFailedError for all but its sender."""
        row = self._transactions.read(lambda connection: own_row(connection, command))
        return AskState(answer=answer_of(row), partial=row.partial or "", is_taken=row.taken_at is not None)

    # For the worker

    def waiting(self, run: str) -> WaitingAsks:
        """The questions for this run of the daemon that no worker has taken. Cheap, for polling."""
        query = select(commands.c.attempts).where(*waiting_for(run), IS_ASK)
        attempts = self._transactions.read(lambda connection: connection.execute(query).scalars().all())
        tried = sum(count > 0 for count in attempts)
        return WaitingAsks(new=len(attempts) - tried, tried=tried)

    def take_new(self, run: str, *, most: int) -> list[Command]:
        """The oldest questions that were never taken, at most so many; each is taken by one worker."""
        return self._take(run, IS_NEW, most)

    def take_tried(self, run: str) -> list[Command]:
        """The oldest question that was taken before, if there is one."""
        return self._take(run, ~IS_NEW, 1)

    def store_partials(self, texts: Mapping[int, str]) -> set[int]:
        """Store the answers so far, by id. Returns the questions that are still open, not withdrawn."""

        def change(connection: Connection, _: datetime) -> set[int]:
            changed = set()
            for ask_id, partial in texts.items():
                mine = (commands.c.id == ask_id, IS_OPEN, commands.c.taken_at.is_not(None))
                if connection.execute(update(commands).where(*mine).values(partial=partial)).rowcount:
                    changed.add(ask_id)
            return changed

        return self._transactions.try_write(change, set(texts))

    def answer(self, ask_id: int, answer: Answer) -> bool:
        """False, and nothing changed, if it was answered or withdrawn before."""
        return bool(
            self._transactions.write(
                lambda connection, now: store_answer(connection, now, answer, commands.c.id == ask_id)
            )
        )

    def put_back(self, ids: Collection[int]) -> None:
        """These were taken and not begun: they wait again, and the attempt does not count."""
        values = {"taken_at": None, "partial": None, "attempts": commands.c.attempts - 1}
        taken = (commands.c.id.in_(ids), IS_OPEN, commands.c.taken_at.is_not(None))
        self._transactions.write(
            lambda connection, _: connection.execute(update(commands).where(*taken).values(values))
        )

    def retry(self, ids: Collection[int], failure: Answer) -> None:
        """The model failed on these: they wait again, and those without attempts left get this answer."""
        self._retry(commands.c.id.in_(ids), failure)

    # For the supervisor

    def retry_all(self, run: str, failure: Answer) -> None:
        """The worker ended: the same for all that it had taken."""
        self._retry(commands.c.run == run, failure)

    def _retry(self, which: ColumnElement[bool], failure: Answer) -> None:
        taken = and_(which, IS_ASK, IS_OPEN, commands.c.taken_at.is_not(None))

        def change(connection: Connection, now: datetime) -> None:
            store_answer(connection, now, failure, and_(taken, commands.c.attempts >= MAX_ATTEMPTS))
            connection.execute(update(commands).where(taken).values(taken_at=None, partial=None))

        self._transactions.write(change)

    def _take(self, run: str, which: ColumnElement[bool], most: int) -> list[Command]:
        waiting = (*waiting_for(run), IS_ASK, which)

        def change(connection: Connection, now: datetime) -> list[Command]:
            oldest = select(commands.c.id).where(*waiting).order_by(commands.c.id).limit(most)
            values = {"taken_at": now, "attempts": commands.c.attempts + 1}
            taken = update(commands).where(*waiting, commands.c.id.in_(oldest)).values(values).returning(commands)
            return [command_of(row) for row in connection.execute(taken)]

        nothing: list[Command] = []
        return sorted(self._transactions.try_write(change, nothing), key=lambda command: command.id)
