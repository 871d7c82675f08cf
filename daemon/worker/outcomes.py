"""How a job ends, or waits, when it was not described."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from datetime import datetime

from loguru import logger

from daemon.clock import Clock
from daemon.errors import ChangedError, UnfinishedError
from daemon.intake.identity import digest_of
from daemon.intake.inbox_mount import InboxMount
from daemon.media.clip import CUT_SHORT, Clip
from daemon.media.safe_open import media_error, open_checked
from daemon.retry_policy import UNFINISHED_CODES, Action, Decision, Failure, decide, is_young
from daemon.worker.heartbeat import Heartbeat
from storage.errors import ClaimLostError
from storage.jobs.store import JobStore
from storage.lifecycle import Cause
from storage.records import Claim, Fingerprint, Job


class Outcomes:
    """`inbox` tells whether it is there; `sight` tells intake of a path to look at anew."""

    def __init__(
        self, store: JobStore, pulse: Heartbeat, clock: Clock, inbox: InboxMount, sight: Callable[[bytes], None]
    ) -> None:
        self._store = store
        self._pulse = pulse
        self._clock = clock
        self._inbox = inbox
        self._sight = sight

    def give_up(self, claim: Claim, cause: Cause, code: str, reason: str, detail: str | None = None) -> None:
        """Let `retry` decide, and act on it. `detail`: a library's own words behind the reason."""
        job, store = claim.job, self._store
        decision = self._decide(job, cause, code)
        logger.info("Job {} {}: {} ({})", job.id, job.name, decision.action, reason)
        try:
            if decision.action is Action.GONE:
                self._gone(claim, reason)
            elif decision.action is Action.SKIP:
                store.skip(claim, code=code, reason=reason, detail=detail)
                self._sight(job.path)  # another file may have been set aside for this one
            elif decision.action is Action.FAIL:
                store.fail(claim, code=code, reason=reason, cause=cause, detail=detail)
                self._sight(job.path)
            elif decision.not_before is None:
                store.release(claim, reason)
            else:
                later = store.wait if decision.action is Action.WAIT else store.retry_later
                later(claim, code=code, reason=reason, cause=cause, not_before=decision.not_before, detail=detail)
        except ClaimLostError as error:
            logger.warning("{}", error)
        self._pulse.drop(claim)

    def _decide(self, job: Job, cause: Cause, code: str) -> Decision:
        now = self._clock.now()
        failure = Failure(
            cause=cause,
            code=code,
            attempts=job.attempts,
            max_attempts=job.max_attempts,
            young=looks_young(job.path, now),
            waited=(now - job.queued_at).total_seconds(),
        )
        return decide(failure, now, random.random)

    def _gone(self, claim: Claim, reason: str) -> None:
        """Intake is told first: were the worker killed in between, the job would be found changed once more.

        With the whole inbox away (a volume, a share), nothing is gone: the job waits for it, uncharged.
        """
        if self._inbox.misses(claim.job.fingerprint.device):
            self._store.release(claim, "The inbox is missing.")
            return
        self._sight(claim.job.path)
        self._store.mark_gone(claim, reason)


def looks_young(path: bytes, now: datetime) -> bool:
    try:
        return is_young(os.lstat(path), now)
    except OSError:
        return False


def check_finished(path: bytes, clip: Clip, now: datetime) -> None:
    """A film can be shown as far as it came; but while its file is young, the rest may come: UnfinishedError."""
    if CUT_SHORT in clip.defects and looks_young(path, now):
        raise UnfinishedError("It ends before it should; its end may still be on its way.")


def check_unchanged(path: bytes, read: Fingerprint) -> None:
    """Raises MediaError unless the path still holds the bytes that were read."""
    try:
        stat = os.lstat(path)
    except OSError as error:
        raise media_error(error) from error
    if Fingerprint.of(stat) != read:
        raise ChangedError("The file changed while it was described.")


def check_digest(job: Job, *, max_bytes: int) -> None:
    """Before another try on a file that seemed unfinished. Raises MediaError unless it holds the job's very bytes.

    Bytes that are written through memory need not change a file's time.
    """
    if job.reason_code not in UNFINISHED_CODES:
        return
    descriptor = open_checked(job.path, max_bytes=max_bytes, expected=job.fingerprint)
    try:
        if digest_of(descriptor) != job.digest:
            raise ChangedError("The file was finished after it was queued.")
    finally:
        os.close(descriptor)
