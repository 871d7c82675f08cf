"""Sends a question to the running daemon and shows its answer as it is generated. An interrupt withdraws it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from cli.daemon_commands import POLL_SECONDS, open_database_of
from config.errors import DaemonNotRunningError, SmolwatchError
from config.settings import Settings
from daemon.asking.question import Ask
from daemon.clock import SystemClock
from daemon.lock import held, noted
from storage.commands.ask_inbox import AskInbox, AskState
from storage.commands.command_inbox import CommandInbox
from storage.commands.requests import Answer, Command, CommandKind
from storage.errors import StorageError
from storage.status.board import StatusReader

#: Without a worker, the daemon must start one within this time; a suspended daemon gets less.
START_SECONDS = 30.0
SUSPENDED_SECONDS = 5.0
#: In `work.stall_seconds`: within this time a worker takes questions, or is killed as hung; loading takes longer.
MOST_STALLS = 2
MOST_STALLS_LOADING = 6
WITHDRAWN = Answer(error="The question was withdrawn.")
AGAIN = "Ask again: while no daemon runs, the question is answered by a process of its own."


def ask_daemon(settings: Settings, run: str, ask: Ask, show: Callable[[str], None]) -> Mapping[str, Any]:
    """The worker's result; `show` gets the answer's text so far. Raises the daemon's error, with its exit code.

    Raises DaemonNotRunningError when the daemon ends meanwhile, and SmolwatchError when it does not take the question,
    or creates no database.
    """
    with open_database_of(settings, run) as database:
        commands, asks = CommandInbox(database, SystemClock().now), AskInbox(database, SystemClock().now)
        command = commands.send(run, CommandKind.ASK, ask.to_arguments())
        try:
            return wait_for_answer(settings, asks, StatusReader(database), command, show)
        finally:
            with suppress(StorageError):  # then the worker answers it, and the answer is not read
                asks.answer(command.id, WITHDRAWN)


def wait_for_answer(
    settings: Settings, asks: AskInbox, status: StatusReader, command: Command, show: Callable[[str], None]
) -> Mapping[str, Any]:
    changed, last = time.monotonic(), AskState(answer=None, partial="", is_taken=False)
    while True:
        state = asks.read(command)
        if state != last:
            changed, last = time.monotonic(), state
        if state.answer is not None and not state.answer.is_abandoned:
            return state.answer.result_or_raise()
        if state.answer is not None:
            raise DaemonNotRunningError("The daemon was stopped before it answered the question.", advice=AGAIN)
        show(state.partial)
        if error := obstacle(settings, status, command, state, time.monotonic() - changed):
            raise error
        time.sleep(POLL_SECONDS)


def obstacle(
    settings: Settings, status: StatusReader, command: Command, state: AskState, waited: float
) -> SmolwatchError | None:
    """Why there will be no answer; None while there may be one. `waited`: seconds since the question's last change."""
    holder = held(settings.lock_file)
    if holder is None or holder[1] != command.run:
        return DaemonNotRunningError("The daemon ended before it answered the question.", advice=AGAIN)
    engine = status.engine()
    if engine.state == "safe mode" and engine.run == command.run:  # else a daemon that only starts has not reported yet
        return SmolwatchError(f"The daemon answers nothing in safe mode: {engine.reason}", advice=engine.advice or "")
    patience = START_SECONDS if engine.state == "ready" else SUSPENDED_SECONDS  # a loaded worker may answer even so
    if waited >= patience and is_suspended(holder[0]):
        return SmolwatchError(
            f"The daemon has not answered within {waited:.0f} s: it is suspended.",
            advice="Continue it (`fg` in its terminal, or `kill -CONT PID`), and ask again.",
        )
    if state.is_taken or waited < longest_wait(settings, engine.state):
        return None
    if trouble := noted(settings.lock_file):
        return SmolwatchError(f"The daemon cannot take the question: {trouble}")
    return SmolwatchError(
        f"The daemon did not take the question within {waited:.0f} s.", advice="To see more: smolwatch status"
    )


def longest_wait(settings: Settings, engine: str) -> float:
    """In seconds, until a question is taken, by the state of the engine."""
    stall = settings.work.stall_seconds
    if engine in ("loading", "restarting"):
        return max(START_SECONDS, MOST_STALLS_LOADING * stall)
    return max(START_SECONDS, MOST_STALLS * stall) if engine == "ready" else START_SECONDS


def is_suspended(pid: int | None) -> bool:
    """Whether a signal (SIGSTOP) has suspended the process."""
    import psutil

    try:
        return pid is not None and psutil.Process(pid).status() == psutil.STATUS_STOPPED
    except psutil.Error:
        return False
