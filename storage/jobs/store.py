"""JobStore: all changes to jobs. Each method is one transaction that holds the write lock from its start.

A `Claim` is the right to change a job. Every change made with one is guarded by its token, so a worker whose job
was taken back changes nothing. Each transition writes one event in the same transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from config.failpoints import failpoint
from storage.db.database import Database
from storage.description import Description
from storage.jobs import (
    admission,
    cancellation,
    dispatch,
    outcomes,
    publication,
    recovery,
    redescription,
    refused_paths,
    relocation,
    settings_change,
)
from storage.jobs.file_presence import FilePresence, chunks
from storage.jobs.outcomes import Why, check_held
from storage.jobs.pending_work import PendingWork
from storage.jobs.saved_answers import SavedAnswers
from storage.jobs.stored_answers import StoredAnswers
from storage.jobs.transactions import DirectRunner, TransactionRunner, Transactions
from storage.lifecycle import Cause, JobState
from storage.records import Admission, Claim, Job, JobSpec, NewFile, Refusal


class JobStore:
    """Safe to share between threads and processes; waits at most ten seconds for the lock.

    `runner` decides whether a failed transaction is run again; by default it is not.
    """

    def __init__(
        self, database: Database, clock_now: Callable[[], datetime], runner: TransactionRunner | None = None
    ) -> None:
        self._transactions = Transactions(database, clock_now, runner or DirectRunner())
        self.presence = FilePresence(self._transactions)
        self.pending = PendingWork(database, clock_now)
        self.answers = StoredAnswers(self._transactions)
        self.saved = SavedAnswers(self._transactions)

    # Into the queue

    def admit(self, file: NewFile, *, spec: JobSpec, model: str, max_attempts: int) -> tuple[Admission, int]:
        """Queue a settled file, once for each recipe. Returns its job too. `model` is "id@revision"."""
        return self.admit_all([file], spec=spec, model=model, max_attempts=max_attempts)[0]

    def admit_all(
        self, files: Sequence[NewFile], *, spec: JobSpec, model: str, max_attempts: int
    ) -> list[tuple[Admission, int]]:
        """The same for some hundreds of files with different paths, in one transaction: all or none.

        Raises DiskFullError while there is too little room to start anything new.
        """

        def change(connection: Connection, now: datetime) -> list[tuple[Admission, int]]:
            admitted = admission.admit_all(connection, now, files, spec=spec, model=model, max_attempts=max_attempts)
            failpoint("admitting")
            return admitted

        return self._transactions.write(change, needs_room=True)

    def follow_inboxes(self, roots: Mapping[str, bytes]) -> int:
        """Jobs below these folders get the name of that inbox. Returns how many were changed."""
        return self._transactions.write(lambda connection, _: settings_change.follow_inboxes(connection, roots))

    def follow_recipes(self, spec_of: Callable[[bytes], JobSpec | None]) -> int:
        """Waiting jobs get what a new file at their path is asked, unless a person requested them. Returns how many."""
        return self._transactions.write(lambda connection, _: settings_change.follow_recipes(connection, spec_of))

    def refuse(self, refusal: Refusal) -> None:
        """Record why a path was refused; this replaces an earlier reason."""
        self.refuse_all([refusal])

    def refuse_all(self, refusals: Sequence[Refusal]) -> None:
        """The same for some hundreds of different paths, in one transaction."""
        self._transactions.write(lambda connection, _: admission.refuse_all(connection, refusals))

    def forget_refusals(self, paths: Sequence[bytes]) -> None:
        """Nothing exists at these paths any more (the caller has checked); some hundreds, in one transaction."""
        self._transactions.write(lambda connection, _: refused_paths.forget(connection, paths))

    def relocate(self, job: Job, path: bytes, spec: JobSpec | None = None) -> bool:
        """The job's file was moved to `path`, where a new file is asked `spec`. A done job is published there again.

        False, and nothing changed, while the job is claimed, or when `path` has a job of its own.
        """
        return self._transactions.write(lambda connection, now: relocation.relocate(connection, now, job, path, spec))

    def reassign(self, job: Job, picture: NewFile) -> bool:
        """Give the queued job of a Live Photo's video to its picture, which came later.

        False, and nothing changed, when it is no longer queued, or the picture has a job of its own.
        """
        return self._transactions.write(lambda connection, now: relocation.reassign(connection, now, job, picture))

    def requeue(self, job_id: int) -> Job:
        """Retry on request: a failed or skipped job starts over; for a done one, returns a new job.

        A live job is returned unchanged. Raises NotFoundError: no such job, or its file is gone.
        """
        return self._transactions.write(lambda connection, now: admission.requeue(connection, now, job_id))

    def cancel(self, job_ids: Sequence[int]) -> list[int]:
        """Skip these jobs on request. Returns those that were queued or running; the others do not change."""
        return self._transactions.write(lambda connection, now: cancellation.cancel(connection, now, job_ids))

    def requeue_failed(self) -> int:
        """Every failed job starts over. Returns how many."""
        return self._transactions.write(admission.requeue_failed)

    def describe_again(self, job_ids: Collection[int], spec: JobSpec) -> int:
        """The file of each of these done jobs is described again as `spec` says, after new files. Returns how many.

        In transactions of some hundreds: after a kill, those before it are queued, and the same call queues the rest.
        """
        return sum(self._describe_again(chunk, spec) for chunk in chunks(job_ids))

    # Work

    def claim(self, owner: str, *, lease_seconds: float, model: str | None = None) -> Claim | None:
        """Claim the due job of this model (None: the settings') that comes first, and charge an attempt.

        Raises DiskFullError while there is too little room to start anything new.
        """
        return next(iter(self.claim_all(owner, lease_seconds=lease_seconds, most=1, model=model)), None)

    def claim_all(
        self,
        owner: str,
        *,
        lease_seconds: float,
        most: int,
        model: str | None = None,
        missing_inboxes: Collection[str] = (),
    ) -> list[Claim]:
        """The same for up to `most` jobs, in one transaction. A job that was tried before is claimed alone.

        `missing_inboxes`: their jobs wait.
        """

        def change(connection: Connection, now: datetime) -> list[Claim]:
            claims = dispatch.claim_all(
                connection,
                now,
                owner,
                model=model,
                lease_seconds=lease_seconds,
                most=most,
                missing_inboxes=missing_inboxes,
            )
            if claims:
                failpoint("claiming")
            return claims

        return self._transactions.try_write(change, [], needs_room=True)

    def beat(self, claim: Claim, *, lease_seconds: float) -> bool:
        """Renew the claim's lease; False when the claim is lost."""
        return bool(self.beat_all([claim], lease_seconds=lease_seconds))

    def beat_all(self, claims: Collection[Claim], *, lease_seconds: float) -> set[int]:
        """The same for some hundreds of claims, in one transaction. Returns the ids of the jobs whose claims hold."""
        return self._transactions.write(
            lambda connection, now: outcomes.beat_all(connection, now, claims, lease_seconds=lease_seconds)
        )

    def release(self, claim: Claim, note: str) -> bool:
        """Return the job to the queue and refund its attempt. False when the claim is lost."""
        return self._transactions.write(lambda connection, now: outcomes.release(connection, now, claim, note))

    def publish(self, claim: Claim, description: Description) -> None:
        """Store the description: from now on the job is only published, not described again. Raises ClaimLostError."""
        check_held(bool(self.publish_all([(claim, description)])), claim)

    def publish_all(self, described: Sequence[tuple[Claim, Description]]) -> set[int]:
        """The same for many jobs, in one transaction. Returns the ids whose claims held; the others do not change."""

        def change(connection: Connection, now: datetime) -> set[int]:
            held = publication.publish_all(connection, now, described)
            failpoint("publishing")
            return held

        return self._transactions.write(change)

    def finish(self, claim: Claim, note: str = "") -> None:
        """The sidecars are written. Raises ClaimLostError."""
        check_held(bool(self.finish_all([(claim, note)])), claim)

    def finish_all(self, written: Sequence[tuple[Claim, str]]) -> set[int]:
        """The same for many jobs, each with a note, in one transaction. Returns the ids whose claims held."""

        def change(connection: Connection, now: datetime) -> set[int]:
            held = publication.finish_all(connection, now, written)
            failpoint("finishing")
            return held

        return self._transactions.write(change)

    def fail(self, claim: Claim, *, code: str, reason: str, cause: Cause, detail: str | None = None) -> None:
        """Give the file up until a person retries it. `detail`: a library's own message. Raises ClaimLostError."""
        self._end(claim, JobState.FAILED, Why(code=code, reason=reason, cause=cause, detail=detail))

    def skip(self, claim: Claim, *, code: str, reason: str, detail: str | None = None) -> None:
        """The file is of a kind that cannot be described. Raises ClaimLostError."""
        self._end(claim, JobState.SKIPPED, Why(code=code, reason=reason, cause=Cause.INPUT, detail=detail))

    def mark_gone(self, claim: Claim, note: str) -> None:
        """The file no longer exists. Raises ClaimLostError."""
        self._end(claim, JobState.GONE, Why(code="gone", reason=note))

    def retry_later(
        self,
        claim: Claim,
        *,
        code: str,
        reason: str,
        cause: Cause,
        not_before: datetime,
        detail: str | None = None,
    ) -> None:
        """Retry then, at most an hour from now; failed when the attempts are used up. Raises ClaimLostError."""
        why = Why(code=code, reason=reason, cause=cause, detail=detail)
        self._transactions.write(lambda connection, now: outcomes.retry_later(connection, now, claim, why, not_before))

    def wait(
        self,
        claim: Claim,
        *,
        code: str,
        reason: str,
        cause: Cause,
        not_before: datetime,
        detail: str | None = None,
    ) -> None:
        """The file is blocked: retry then, at most an hour from now, and refund the attempt. Raises ClaimLostError."""
        why = Why(code=code, reason=reason, cause=cause, detail=detail)
        self._transactions.write(lambda connection, now: outcomes.wait(connection, now, claim, why, not_before))

    def postpone(
        self, claim: Claim, *, code: str, reason: str, not_before: datetime, detail: str | None = None
    ) -> None:
        """The sidecars cannot be written now: the job stays publishing until `claim_unpublished` claims it.

        Raises ClaimLostError.
        """
        why = Why(code=code, reason=reason, cause=Cause.ENVIRONMENT, detail=detail)
        self._transactions.write(lambda connection, now: outcomes.postpone(connection, now, claim, why, not_before))

    # Recovery

    def claim_unpublished(self, owner: str, *, lease_seconds: float) -> list[tuple[Claim, Description]]:
        """Claim, under new tokens, up to MAX_UNPUBLISHED due publishing jobs that have no owner."""
        return self._transactions.try_write(
            lambda connection, now: recovery.claim_unpublished(connection, now, owner, lease_seconds=lease_seconds), []
        )

    def abandon_all(self, note: str) -> int:
        """Take every job back; the caller has checked that no worker lives. Attempts stay charged. Returns how many."""
        return self._transactions.write(
            lambda connection, now: (
                len(recovery.abandon(connection, now, note)) + recovery.orphan_publishing(connection)
            )
        )

    def reap(self) -> list[int]:
        """Take back the running jobs whose lease has expired. Returns their ids."""
        return self._transactions.write(recovery.reap)

    def _describe_again(self, job_ids: Collection[int], spec: JobSpec) -> int:
        def change(connection: Connection, now: datetime) -> int:
            queued = redescription.describe_again(connection, now, job_ids, spec)
            failpoint("redoing")
            return queued

        return self._transactions.write(change)

    def _end(self, claim: Claim, state: JobState, why: Why) -> None:
        self._transactions.write(lambda connection, now: outcomes.end(connection, now, claim, state, why))
