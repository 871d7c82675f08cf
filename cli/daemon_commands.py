"""Sends a command to the running daemon and waits for its own answer, which always comes.

A command on jobs that the daemon does not carry out is carried out here: only one of the two can do it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import click

from config.errors import DaemonNotRunningError, NotFoundError, SmolwatchError
from config.settings import Settings
from daemon.clock import SystemClock
from daemon.lock import holder, holding_run, noted
from storage.commands.command_inbox import CommandInbox
from storage.commands.requests import Answer, Command, CommandKind
from storage.db.database import Database, open_database, read_schema

Result = Mapping[str, Any]

POLL_SECONDS = 0.1
#: A daemon at rest looks for commands every two seconds. One that takes longer may be suspended, or be stopping.
PATIENCE_SECONDS = 5.0
#: The daemon must take a rescan within this time: no other process can carry it out.
TAKE_SECONDS = 15.0
#: A home's first daemon creates its database within this time.
DATABASE_SECONDS = 15.0


def change_jobs(settings: Settings, kind: CommandKind, arguments: Mapping[str, Any] = {}) -> Result:
    """The command's result, with or without a daemon. Raises SmolwatchError when it cannot be done."""
    run = running(settings)
    with open_inbox(settings, run) as inbox:
        if run is None:
            return inbox.change_jobs(kind, arguments)
        command = inbox.send(run, kind, arguments)
        until = time.monotonic() + PATIENCE_SECONDS
        while (answer := inbox.read_answer(command)) is None:
            if holding_run(settings.lock_file) != run or time.monotonic() > until:
                inbox.carry_out(command)
            else:
                time.sleep(POLL_SECONDS)
        return inbox.change_jobs(kind, arguments) if answer.is_abandoned else answer.result_or_raise()


def rescan(settings: Settings, compare: bool) -> Result:
    """Have the running daemon list its inbox; the result.

    Raises DaemonNotRunningError, also when the daemon ends meanwhile, and SmolwatchError while the inbox cannot be
    listed.
    """
    run = running(settings)
    if run is None:
        raise DaemonNotRunningError
    with open_inbox(settings, run) as inbox:
        command, began = inbox.send(run, CommandKind.RESCAN, {"compare": compare}), time.monotonic()
        while True:
            answer = inbox.read_answer(command)
            if answer is not None and not answer.is_abandoned:
                return answer.result_or_raise()
            error = obstacle(settings, inbox, command, answer, time.monotonic() - began)
            if error is None:
                time.sleep(POLL_SECONDS)
            elif answer is not None or inbox.answer(command.id, Answer.of_error(error)):
                raise error


def obstacle(
    settings: Settings, inbox: CommandInbox, command: Command, answer: Answer | None, waited: float
) -> SmolwatchError | None:
    """Why a rescan will get no result from the daemon; None while it may. `answer`: that it was abandoned."""
    run = holding_run(settings.lock_file)
    if run not in (None, command.run):
        return SmolwatchError(
            "The daemon was restarted before the rescan was finished.",
            advice="It lists the inbox when it starts; run the same command again to be sure.",
        )
    if run is None or answer is not None:
        return DaemonNotRunningError("The daemon stopped before the rescan was finished.")
    if waited < TAKE_SECONDS:
        return None
    if trouble := noted(settings.lock_file):
        return SmolwatchError(f"The daemon cannot store the result: {trouble}")
    if not inbox.is_taken(command):
        return SmolwatchError(
            f"The daemon did not take the command within {TAKE_SECONDS:.0f} s.",
            advice="It may be suspended, or be stopping. To see more: smolwatch status",
        )
    return None


def running(settings: Settings) -> str | None:
    """The run of the daemon; None when none is running. Raises SmolwatchError for one of an older version."""
    run = holding_run(settings.lock_file)
    if run == "":
        raise SmolwatchError(
            "The running daemon is of an older version, which takes no commands.", advice="Stop it and start it again."
        )
    return run


@contextmanager
def open_inbox(settings: Settings, run: str | None) -> Iterator[CommandInbox]:
    """Raises as `wait_for_database` does."""
    with open_database_of(settings, run) as database:
        yield CommandInbox(database, SystemClock().now)


@contextmanager
def open_database_of(settings: Settings, run: str | None) -> Iterator[Database]:
    """For writing. Raises as `wait_for_database` does."""
    wait_for_database(settings, run)
    database = open_database(settings.database_place)
    try:
        yield database
    finally:
        database.close()


def wait_for_database(
    settings: Settings,
    run: str | None,
    *,
    monotonic: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Return once there is one: `run`, the home's first daemon, may only be starting.

    Raises NotFoundError without a daemon, DaemonNotRunningError when it ends before, SmolwatchError after
    `DATABASE_SECONDS`.
    """
    until = monotonic() + DATABASE_SECONDS
    while read_schema(settings.database_place) is None:
        if run is None:
            raise NotFoundError(
                f"There is no database at {settings.database_place} yet.", advice="Start the daemon with: smolwatch run"
            )
        if holding_run(settings.lock_file) != run:
            raise DaemonNotRunningError(
                "The daemon ended before it had created its database.", advice="Run the same command again."
            )
        if monotonic() >= until:
            raise SmolwatchError(
                f"The daemon did not create its database within {DATABASE_SECONDS:.0f} s.",
                advice="It may be suspended. To see more: smolwatch status",
            )
        pause(POLL_SECONDS)


def warn_without_daemon(settings: Settings) -> None:
    """One line on stderr if what was queued must wait for a daemon."""
    if holder(settings.lock_file) is None:
        click.echo("No daemon is running; start it with: smolwatch run", err=True)
