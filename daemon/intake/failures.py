"""The intake's failures: a sentence for status while it fails; for the log, each state's beginning and end."""

from __future__ import annotations

import os
from collections.abc import Callable

from loguru import logger

from daemon.episode import Episode, State, log_lines
from daemon.intake.inbox_mount import AWAY_ERRORS
from daemon.intake.sweep import unlistable_folder
from storage.errors import StorageError

MISSED = State("missed", "Changes in the inbox were missed; it is listed again.", "No more changes were missed")


class IntakeFailures:
    """`on_storage_error` gets the database's errors and logs them. Times are monotonic."""

    def __init__(self, root: bytes, on_storage_error: Callable[[StorageError], None]) -> None:
        self._root = os.fsdecode(root)
        self._on_storage_error = on_storage_error
        self._problem, self._missed, self._watch = Episode(), Episode(), Episode()

    def round_succeeded(self, now: float) -> None:
        log_lines(self._problem.off(now))

    def round_failed(self, error: Exception, now: float) -> str:
        """The reason, for status."""
        if isinstance(error, StorageError):
            self._on_storage_error(error)
            return str(error)
        if not isinstance(error, OSError):
            what = f"{type(error).__name__}: {error}"
            begins = f"The intake failed unexpectedly and tries again: {what}"
            log_lines(self._problem.on(State(type(error).__name__, begins, "The intake works again"), now), error)
            return what
        if error.errno in AWAY_ERRORS:
            begins = f"Inbox missing: waiting for {self._root}."
            log_lines(self._problem.on(State("missing", begins, "The inbox is back"), now))
            return "inbox missing"
        reason = unlistable_folder(error).reason
        log_lines(
            self._problem.on(State(reason, f"Inbox not readable: {reason}", "The inbox can be listed again"), now)
        )
        return reason

    def changes_missed(self, changes: bool, now: float) -> None:
        """`changes`: the system lost changes since the last round."""
        log_lines(self._missed.on(MISSED, now) if changes else self._missed.off(now))

    def watch_started(self, instead_of: str | None, now: float) -> None:
        """`instead_of`: the defect of the watch that was replaced; None for the first one."""
        if instead_of is None:
            logger.info("Watching {} for new files", self._root)
        else:
            log_lines(self._watch.on(State(instead_of, f"Watching the inbox again: {instead_of}."), now))

    def watch_is_intact(self, now: float) -> None:
        log_lines(self._watch.off(now))
