"""The command inbox: commands as rows, each with an answer that only its sender can read.

A command is for one run of the daemon. It is answered once, by whoever comes first: that run, its sender, or the next
run, which answers what was left open. A change of jobs and its answer are one transaction, so that a command without an
answer has changed nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, exists, insert, select, update

from config.errors import DaemonNotRunningError, SmolwatchError
from storage.commands import job_changes
from storage.commands.requests import Answer, Command, CommandKind
from storage.db.database import Database
from storage.db.tables import commands
from storage.errors import CommandFailedError, StorageError
from storage.jobs.transactions import DirectRunner, Transactions

#: Answers are kept this long.
KEEP = timedelta(days=1)
ENDED = DaemonNotRunningError("The daemon ended before it carried out the command.")


class AnsweredError(Exception):
    """The command was answered meanwhile; rolls a change back."""


class CommandInbox:
    """Safe to share between threads and processes. All methods may raise StorageError; then nothing was changed."""

    def __init__(self, database: Database, clock_now: Callable[[], datetime]) -> None:
        self._transactions = Transactions(database, clock_now, DirectRunner())

    # For the command line

    def send(self, run: str, kind: str, arguments: Mapping[str, Any] = {}) -> Command:
        """Store a command for this run of the daemon. Forgets old answers."""
        sender = secrets.token_hex(16)

        def change(connection: Connection, now: datetime) -> int:
            connection.execute(delete(commands).where(commands.c.answered_at < now - KEEP))
            row = {"run": run, "kind": kind, "arguments": dict(arguments), "sender": sender, "created_at": now}
            return int(connection.execute(insert(commands).values(row).returning(commands.c.id)).scalar_one())

        command_id = self._transactions.write(change)
        return Command(id=command_id, run=run, kind=kind, arguments=arguments, sender=sender)

    def read_answer(self, command: Command) -> Answer | None:
        """None while there is no answer. Raises CommandFailedError for all but its sender."""
        return answer_of(self._transactions.read(lambda connection: own_row(connection, command)))

    def change_jobs(self, kind: str, arguments: Mapping[str, Any] = {}) -> Mapping[str, Any]:
        """Make a command's change without a daemon; its result. Raises SmolwatchError, and changes nothing then."""
        return self._transactions.write(lambda connection, now: job_changes.change(connection, now, kind, arguments))

    # For both

    def carry_out(self, command: Command) -> None:
        """Make a command's change and answer it, unless it was answered before."""

        def change(connection: Connection, now: datetime) -> None:
            result = job_changes.change(connection, now, command.kind, command.arguments)
            if not store_answer(connection, now, Answer(result=result), commands.c.id == command.id):
                raise AnsweredError

        try:
            self._transactions.write(change)
        except AnsweredError:
            return
        except StorageError:
            raise
        except SmolwatchError as error:
            self.answer(command.id, Answer.of_error(error))

    def answer(self, command_id: int, answer: Answer) -> bool:
        """False, and nothing changed, if it was answered before."""
        return bool(
            self._transactions.write(
                lambda connection, now: store_answer(connection, now, answer, commands.c.id == command_id)
            )
        )

    # For the daemon

    def take(self, run: str) -> list[Command]:
        """The commands for this run that wait, oldest first; each is taken once. Without any, nothing is written.

        Questions are left for the worker (`storage.commands.ask_inbox`).
        """
        waiting = (*waiting_for(run), commands.c.kind != CommandKind.ASK)
        if not self._exists(*waiting):
            return []

        def change(connection: Connection, now: datetime) -> list[Command]:
            taken = update(commands).where(*waiting).values(taken_at=now).returning(commands)
            return [command_of(row) for row in connection.execute(taken)]

        return sorted(self._transactions.write(change), key=lambda command: command.id)

    def is_taken(self, command: Command) -> bool:
        """Whether the daemon has taken it."""
        return self._exists(commands.c.id == command.id, commands.c.taken_at.is_not(None))

    def abandon_others(self, run: str) -> int:
        """Answer what other runs left open: this is the only daemon, so they have ended. Returns how many."""
        return self._abandon(commands.c.run != run)

    def abandon(self, run: str) -> int:
        """Answer what this run leaves open, since it ends. Returns how many."""
        return self._abandon(commands.c.run == run)

    def _exists(self, *where: ColumnElement[bool]) -> bool:
        query = select(exists().where(*where))
        return bool(self._transactions.read(lambda connection: connection.execute(query).scalar()))

    def _abandon(self, which: ColumnElement[bool]) -> int:
        answer = Answer(error=str(ENDED), advice=ENDED.advice, exit_code=ENDED.exit_code, is_abandoned=True)
        return self._transactions.write(lambda connection, now: store_answer(connection, now, answer, which))


def waiting_for(run: str) -> tuple[ColumnElement[bool], ...]:
    """The commands for this run that are neither taken nor answered."""
    return commands.c.run == run, commands.c.taken_at.is_(None), commands.c.answered_at.is_(None)


def command_of(row: Row[Any]) -> Command:
    return Command(id=row.id, run=row.run, kind=row.kind, arguments=row.arguments, sender=row.sender)


def own_row(connection: Connection, command: Command) -> Row[Any]:
    """The command's row, for its sender alone. Raises CommandFailedError."""
    query = select(commands).where(commands.c.id == command.id, commands.c.sender == command.sender)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise CommandFailedError("There is no such command any more.", advice="Run it again.")
    return row


def answer_of(row: Row[Any]) -> Answer | None:
    """None while there is no answer."""
    if row.answered_at is None:
        return None
    return Answer(result=row.result) if row.error is None else Answer.from_error_json(row.error)


def store_answer(connection: Connection, now: datetime, answer: Answer, which: ColumnElement[bool]) -> int:
    """Answer those of these commands that have no answer. Returns how many."""
    error = answer.error_json() if answer.result is None else None
    values = {"answered_at": now, "result": answer.result, "error": error}
    return connection.execute(update(commands).where(which, commands.c.answered_at.is_(None)).values(values)).rowcount
