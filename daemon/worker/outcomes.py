"""How a job ends, or waits, when it was not described."""

from __future__ import annotations

import os
import random
from collections.abc import Callable

from loguru import logger

from daemon.clock import Clock
from daemon.errors import ChangedError, GoneError
from daemon.retry import Action, decide
from daemon.worker.pulse import Pulse
from storage.errors import LostClaim
from storage.jobs import JobStore
from storage.lifecycle import Cause
from storage.records import Claim, Fingerprint


class Outcomes:
    """`root` is the inbox; `sight` tells intake of a path to look at anew."""

    def __init__(
        self, store: JobStore, pulse: Pulse, clock: Clock, root: bytes, sight: Callable[[bytes], None]
    ) -> None:
        self._store = store
        self._pulse = pulse
        self._clock = clock
        self._root = root
        self._sight = sight

    def give_up(self, claim: Claim, cause: Cause, code: str, reason: str) -> None:
        """Let `retry` decide, and act on it."""
        job, store = claim.job, self._store
        decision = decide(cause, code, job.attempts, job.max_attempts, self._clock.now(), random.random)
        logger.info("Job {} {}: {} ({})", job.id, job.name, decision.action, reason)
        try:
            if decision.action is Action.GONE:
                self._gone(claim, reason)
            elif decision.action is Action.SKIP:
                store.skip(claim, code=code, reason=reason)
            elif decision.action is Action.FAIL:
                store.fail(claim, code=code, reason=reason, cause=cause)
            elif decision.not_before is not None:
                store.retry_later(claim, code=code, reason=reason, cause=cause, not_before=decision.not_before)
            else:
                store.release(claim, reason)
        except LostClaim as error:
            logger.warning("{}", error)
        self._pulse.drop(claim)

    def _gone(self, claim: Claim, reason: str) -> None:
        """Intake is told first: were the worker killed in between, the job would be found changed once more.

        With the whole inbox away (a volume, a share), nothing is gone: the job waits for it.
        """
        if not os.path.isdir(self._root):
            self._store.release(claim, "The inbox is missing.")
            return
        self._sight(claim.job.path)
        self._store.gone(claim, reason)


def check_unchanged(path: bytes, read: Fingerprint) -> None:
    """Raises GoneError or ChangedError unless the path still holds the bytes that were read."""
    try:
        stat = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        raise GoneError("The file went away before it was described.") from None
    if Fingerprint.of(stat) != read:
        raise ChangedError("The file changed while it was described.")
