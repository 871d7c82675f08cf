"""What happens to a job that was not described: it fails, waits, or is gone."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from datetime import datetime

from loguru import logger

from daemon.clock import Clock
from daemon.errors import ChangedError, UnfinishedError
from daemon.intake.identity import digest_of
from daemon.intake.inbox_mount import InboxMounts
from daemon.media.clip import CUT_SHORT, Clip
from daemon.media.safe_open import media_error, open_checked
from daemon.retry_policy import UNFINISHED_CODES, Action, Decision, Failure, decide, is_young
from daemon.worker.heartbeat import Heartbeat
from storage.errors import ClaimLostError
from storage.jobs.store import JobStore
from storage.lifecycle import Cause
from storage.records import Claim, Fingerprint, Job


class Outcomes:
    """`report_path` has the intake check a path again."""

    def __init__(
        self,
        store: JobStore,
        heartbeat: Heartbeat,
        clock: Clock,
        mounts: InboxMounts,
        report_path: Callable[[bytes], None],
    ) -> None:
        self._store = store
        self._heartbeat = heartbeat
        self._clock = clock
        self._mounts = mounts
        self._report_path = report_path

    def handle_failure(self, claim: Claim, cause: Cause, code: str, reason: str, detail: str | None = None) -> None:
        """Apply the retry policy's decision. `detail`: a library's own message behind the reason."""
        job, store = claim.job, self._store
        decision = self._decide(job, cause, code)
        logger.info("Job {} {}: {} ({})", job.id, job.name, decision.action, reason)
        try:
            if decision.action is Action.GONE:
                self._mark_gone(claim, reason)
            elif decision.action is Action.SKIP:
                store.skip(claim, code=code, reason=reason, detail=detail)
                self._report_path(job.path)  # another file may wait for this one
            elif decision.action is Action.FAIL:
                store.fail(claim, code=code, reason=reason, cause=cause, detail=detail)
                self._report_path(job.path)
            elif decision.not_before is None:
                store.release(claim, reason)
            else:
                postpone = store.wait if decision.action is Action.WAIT else store.retry_later
                postpone(claim, code=code, reason=reason, cause=cause, not_before=decision.not_before, detail=detail)
        except ClaimLostError as error:
            logger.warning("{}", error)
        self._heartbeat.drop(claim)

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

    def _mark_gone(self, claim: Claim, reason: str) -> None:
        """The path is reported first: if the worker is killed in between, the job is found changed once more.

        With the whole inbox unmounted (a volume, a share), no file is gone: the job waits for it, uncharged.
        """
        if self._mounts.misses(claim.job.path, claim.job.fingerprint.device):
            self._store.release(claim, "The inbox is missing.")
            return
        self._report_path(claim.job.path)
        self._store.mark_gone(claim, reason)


def looks_young(path: bytes, now: datetime) -> bool:
    try:
        return is_young(os.lstat(path), now)
    except OSError:
        return False


def check_finished(path: bytes, clip: Clip, now: datetime) -> None:
    """Raises UnfinishedError for a truncated video in a young file: the rest may still arrive.

    In an older file it is described as far as it goes.
    """
    if CUT_SHORT in clip.defects and looks_young(path, now):
        raise UnfinishedError("The file is incomplete; the rest may still arrive.")


def check_unchanged(path: bytes, read: Fingerprint) -> None:
    """Raises MediaError unless the path still has the fingerprint of the bytes that were read."""
    try:
        stat = os.lstat(path)
    except OSError as error:
        raise media_error(error) from error
    if Fingerprint.of(stat) != read:
        raise ChangedError("The file changed while it was described.")


def check_digest(job: Job, *, max_bytes: int) -> None:
    """Before a retry of a file that seemed unfinished. Raises MediaError unless it still has the job's digest.

    Writing through mapped memory may leave a file's times unchanged.
    """
    if job.reason_code not in UNFINISHED_CODES:
        return
    descriptor = open_checked(job.path, max_bytes=max_bytes, expected=job.fingerprint)
    try:
        if digest_of(descriptor) != job.digest:
            raise ChangedError("The file was finished after it was queued.")
    finally:
        os.close(descriptor)
