"""JobStore: everything that changes a job. Each method is one transaction that holds the write lock from its start.

A `Claim` is the right to change a job. Every change made with one is guarded by its token, so a worker whose job
was taken back changes nothing. Each transition writes one event in the same transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from config.failpoints import failpoint
from storage.db import description_rows, rows
from storage.db.database import Database
from storage.description import Description
from storage.jobs import admission, dispatch, outcomes, publication, recovery, refused_paths, relocation
from storage.jobs.file_presence import FilePresence, changed_from
from storage.jobs.outcomes import Why, check_held
from storage.jobs.pending_work import PendingWork
from storage.jobs.transactions import DirectRunner, TransactionRunner, Transactions
from storage.lifecycle import Cause, JobState
from storage.records import Admission, Claim, Job, NewFile, Refusal


class JobStore:
    """Jobs in a database. Safe to share between threads and processes; waits at most ten seconds for the lock."""

    def __init__(
        self, database: Database, clock_now: Callable[[], datetime], runner: TransactionRunner | None = None
    ) -> None:
        self._transactions = Transactions(database, clock_now, runner or DirectRunner())
        self.whereabouts = FilePresence(self._transactions)
        self.pending = PendingWork(database, clock_now)

    # Into the queue

    def admit(self, file: NewFile, *, model: str, recipe: str, max_attempts: int) -> tuple[Admission, int]:
        """Queue a settled file, once; and the job that stands for it. `model` is "id@revision", `recipe` a digest."""
        return self.admit_all([file], model=model, recipe=recipe, max_attempts=max_attempts)[0]

    def admit_all(
        self, files: Sequence[NewFile], *, model: str, recipe: str, max_attempts: int
    ) -> list[tuple[Admission, int]]:
        """The same for some hundreds of files with different paths, in one transaction: all of them or none."""

        def change(connection: Connection, now: datetime) -> list[tuple[Admission, int]]:
            admitted = admission.admit_all(
                connection, now, files, model=model, recipe=recipe, max_attempts=max_attempts
            )
            failpoint("admitting")
            return admitted

        return self._transactions.write(change, needs_room=True)

    def refuse(self, refusal: Refusal) -> None:
        """Keep why a path was not taken; the last word counts."""
        self.refuse_all([refusal])

    def refuse_all(self, refusals: Sequence[Refusal]) -> None:
        """The same for some hundreds of different paths, in one transaction."""
        self._transactions.write(lambda connection, _: admission.refuse_all(connection, refusals))

    def forget_refusals(self, paths: Sequence[bytes]) -> None:
        """Nothing stands at these paths any more (the caller knows); some hundreds of them, in one transaction."""
        self._transactions.write(lambda connection, _: refused_paths.forget(connection, paths))

    def follow(self, job: Job, path: bytes) -> bool:
        """The job goes along with its file, which was moved to `path`. A done one is published there once more.

        False, and nothing changed, when somebody works on it, or `path` has a job of its own.
        """
        return self._transactions.write(lambda connection, now: relocation.follow(connection, now, job, path))

    def take_over(self, job: Job, picture: NewFile) -> bool:
        """The waiting job of a Live Photo's moving half goes over to its picture, which came later.

        False, and nothing changed, when it no longer waits, or the picture has a job of its own.
        """
        return self._transactions.write(lambda connection, now: relocation.take_over(connection, now, job, picture))

    def requeue(self, job_id: int) -> Job:
        """A person's retry. The failed or skipped job starts over; for a done one, the new job that asks again.

        A job that is under way is answered as it is. Raises NotFoundError: no such job, or its file went away.
        """
        return self._transactions.write(lambda connection, now: admission.requeue(connection, now, job_id))

    def requeue_failed(self) -> int:
        """Every failed job starts over; how many."""
        return self._transactions.write(admission.requeue_failed)

    # A worker's way

    def claim(self, owner: str, *, lease_seconds: float) -> Claim | None:
        """Take the job that has waited longest of those that are due, and charge an attempt.

        Like `admit`, raises DiskFullError while there is too little room to begin anything new.
        """
        return next(iter(self.claim_all(owner, lease_seconds=lease_seconds, most=1)), None)

    def claim_all(self, owner: str, *, lease_seconds: float, most: int) -> list[Claim]:
        """The same for `most` jobs at most, in one transaction. A job that was tried before is taken alone."""

        def change(connection: Connection, now: datetime) -> list[Claim]:
            claims = dispatch.claim_all(connection, now, owner, lease_seconds=lease_seconds, most=most)
            if claims:
                failpoint("claiming")
            return claims

        return self._transactions.try_write(change, [], needs_room=True)

    def beat(self, claim: Claim, *, lease_seconds: float) -> bool:
        """Say that the worker lives; False when the job is no longer its own."""
        return self._transactions.write(
            lambda connection, now: outcomes.beat(connection, now, claim, lease_seconds=lease_seconds)
        )

    def release(self, claim: Claim, note: str) -> bool:
        """Give the job back undone: its attempt is refunded. False when it was taken back before."""
        return self._transactions.write(lambda connection, now: outcomes.release(connection, now, claim, note))

    def publish(self, claim: Claim, description: Description) -> None:
        """Store the description: from now on the job is published, never described again. Raises ClaimLostError."""
        check_held(bool(self.publish_all([(claim, description)])), claim)

    def publish_all(self, described: Sequence[tuple[Claim, Description]]) -> set[int]:
        """The same for many jobs, in one transaction; the ids of those whose claims held. The others change nothing."""

        def change(connection: Connection, now: datetime) -> set[int]:
            held = publication.publish_all(connection, now, described)
            failpoint("publishing")
            return held

        return self._transactions.write(change)

    def finish(self, claim: Claim, note: str = "") -> None:
        """The sidecars stand. May raise ClaimLostError."""
        check_held(bool(self.finish_all([(claim, note)])), claim)

    def finish_all(self, written: Sequence[tuple[Claim, str]]) -> set[int]:
        """The same for many jobs, each with a note, in one transaction; the ids of those whose claims held."""

        def change(connection: Connection, now: datetime) -> set[int]:
            held = publication.finish_all(connection, now, written)
            failpoint("finishing")
            return held

        return self._transactions.write(change)

    def fail(self, claim: Claim, *, code: str, reason: str, cause: Cause, detail: str | None = None) -> None:
        """Give the file up until a person says otherwise. `detail`: a library's own words. May raise ClaimLostError."""
        self._end(claim, JobState.FAILED, Why(code=code, reason=reason, cause=cause, detail=detail))

    def skip(self, claim: Claim, *, code: str, reason: str, detail: str | None = None) -> None:
        """The file is none that can be described. May raise ClaimLostError."""
        self._end(claim, JobState.SKIPPED, Why(code=code, reason=reason, cause=Cause.INPUT, detail=detail))

    def mark_gone(self, claim: Claim, note: str) -> None:
        """The file went away. May raise ClaimLostError."""
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
        """Try again then, an hour from now at most; failed when the attempts are used up. May raise ClaimLostError."""
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
        """The file is blocked: retry then, at most an hour from now, at no charge. Raises ClaimLostError."""
        why = Why(code=code, reason=reason, cause=cause, detail=detail)
        self._transactions.write(lambda connection, now: outcomes.wait(connection, now, claim, why, not_before))

    def postpone(
        self, claim: Claim, *, code: str, reason: str, not_before: datetime, detail: str | None = None
    ) -> None:
        """The sidecars cannot be written now: the job stays publishing until `claim_unpublished` takes it.

        Raises ClaimLostError.
        """
        why = Why(code=code, reason=reason, cause=Cause.ENVIRONMENT, detail=detail)
        self._transactions.write(lambda connection, now: outcomes.postpone(connection, now, claim, why, not_before))

    # After a death

    def claim_unpublished(self, owner: str, *, lease_seconds: float) -> list[tuple[Claim, Description]]:
        """Publishing jobs that are due and that nobody writes for, under new tokens; MOST_TAKEN_UP of them at most."""
        return self._transactions.try_write(
            lambda connection, now: recovery.claim_unpublished(connection, now, owner, lease_seconds=lease_seconds), []
        )

    def abandon_all(self, note: str) -> int:
        """No worker lives (the caller knows): take every job back; how many. Attempts stay charged."""
        return self._transactions.write(
            lambda connection, now: (
                len(recovery.abandon(connection, now, note)) + recovery.orphan_publishing(connection)
            )
        )

    def reap(self) -> list[int]:
        """Take back the running jobs whose lease has run out; their ids."""
        return self._transactions.write(recovery.reap)

    # Questions that the daemon asks on its way

    def cached_description(self, digest: str, *, model: str, recipe: str) -> Description | None:
        """What the same model said to the same questions about the same bytes, at any path."""
        same = description_rows.same_answers(digest, model, recipe)
        return self._transactions.read(lambda connection: description_rows.newest(connection, *same))

    def answered(self, digests: Collection[str], *, model: str, recipe: str) -> set[str]:
        """Of these bytes, those about which `cached_description` knows something; asked about some hundreds at once."""
        return self._transactions.read(lambda connection: description_rows.answered(connection, digests, model, recipe))

    def changed_from(self, job_id: int) -> frozenset[str]:
        """The digests of what the job's file held when it was described before, and from which it was changed in place.

        What was described under the same name before that name was last free, is not among them: it was another file.
        """
        return self._transactions.read(lambda connection: changed_from(connection, job_id))

    def state(self, key: str) -> dict[str, Any] | None:
        """What the daemon last said of itself under this key."""
        return self._transactions.read(lambda connection: rows.read_state(connection, key))

    def set_state(self, key: str, value: dict[str, Any]) -> None:
        """Say it; `value` holds plain JSON values."""
        self._transactions.write(lambda connection, _: rows.write_state(connection, key, value))

    def _end(self, claim: Claim, state: JobState, why: Why) -> None:
        self._transactions.write(lambda connection, now: outcomes.end(connection, now, claim, state, why))
