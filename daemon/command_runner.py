"""Takes the commands that were sent to this run of the daemon, and has each carried out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress

from loguru import logger

from storage.commands.command_inbox import CommandInbox
from storage.commands.requests import Command, CommandKind
from storage.errors import StorageError


class CommandRunner:
    """For the main loop. `rescan` starts a rescan, whose answer comes later; `wake` has the supervisor look for work.

    `begin` and `run_waiting` may raise StorageError: what was taken is kept, and carried out by the next call.
    """

    def __init__(
        self, inbox: CommandInbox, run: str, *, rescan: Callable[[int, bool], None], wake: Callable[[], None]
    ) -> None:
        self._inbox = inbox
        self._run = run
        self._rescan = rescan
        self._wake = wake
        self._taken: deque[Command] = deque()

    def begin(self) -> None:
        """Answer what earlier runs left open."""
        if count := self._inbox.abandon_others(self._run):
            logger.info("{} commands to an earlier run of the daemon were not carried out", count)

    def run_waiting(self) -> None:
        """Carry out the commands that wait. Call often."""
        self._taken.extend(self._inbox.take(self._run))
        while self._taken:
            self._carry_out(self._taken[0])
            self._taken.popleft()

    def end(self) -> None:
        """Answer what is left open: this run ends."""
        with suppress(StorageError):  # then the next run answers it
            self._inbox.abandon(self._run)

    def _carry_out(self, command: Command) -> None:
        logger.info("Command {}: {}", command.kind, dict(command.arguments))
        if command.kind == CommandKind.RESCAN:
            self._rescan(command.id, command.arguments.get("compare") is True)
            return
        self._inbox.carry_out(command)
        self._wake()
