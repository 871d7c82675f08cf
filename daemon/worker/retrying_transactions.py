"""Runs the transactions of the worker's store; a failed one again until the database accepts it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from daemon.episode import Episode, State, log_lines
from storage.errors import TransientError

RETRY_SECONDS = 1.0

T = TypeVar("T")


class RetryingTransactions:
    """A `TransactionRunner` that waits while the disk is full, the server is away, or another program holds the lock.

    For several threads. Claims are not retried, so nothing new is claimed meanwhile. A transaction that failed changed
    nothing, so it can be run again; if the claim was taken back in between, the retry raises ClaimLostError. So it does
    when a server went away during the commit and had kept it: then the job is already in its new state.
    """

    def __init__(
        self, sleep: Callable[[float], object] = time.sleep, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._sleep = sleep
        self._monotonic = monotonic
        self._episode = Episode()
        self._lock = threading.Lock()

    def run(self, transaction: Callable[[], T]) -> T:
        while True:
            try:
                result = transaction()
            except TransientError as error:
                self._log_waiting(error)
                self._sleep(RETRY_SECONDS)
            else:
                with self._lock:
                    log_lines(self._episode.off(self._monotonic()))
                return result

    def try_once(self, transaction: Callable[[], T], default: T) -> T:
        """Success logs no end of the wait: unpublished jobs can be claimed on a disk that is too full for new ones."""
        try:
            return transaction()
        except TransientError as error:
            self._log_waiting(error)
            return default

    def _log_waiting(self, error: TransientError) -> None:
        state = State(type(error).__name__, f"The worker waits: {error}", "The worker resumes")
        with self._lock:
            log_lines(self._episode.on(state, self._monotonic()))
