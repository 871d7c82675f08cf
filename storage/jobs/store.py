"""JobStore: everything that changes a job. Each method is one transaction that holds the write lock from its start.

A `Claim` is the right to speak for a job. Every change made with one is guarded by its token, so a worker whose job
was taken back changes nothing. Each arrow writes one event in the same transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from config.failpoints import failpoint
from storage.db import description_rows, rows
from storage.db.database import Database
from storage.db.tables import daemon_state, jobs
from storage.errors import ClaimLostError
from storage.jobs import admission, dispatch, publication, recovery, refused_paths, relocation
from storage.jobs.file_presence import FilePresence, changed_from
from storage.jobs.pending_work import PendingWork
from storage.jobs.transitions import LONGEST, UNOWNED, back_to_queue, in_seconds, move, passed
from storage.lifecycle import Cause, JobState
from storage.records import Admission, Claim, Description, Job, NewFile, Refusal


class JobStore:
    """Jobs in a database. Safe to share between threads and processes; waits at most ten seconds for the lock."""

    def __init__(self, database: Database, clock_now: Callable[[], datetime]) -> None:
        self._database = database
        self._clock_now = clock_now
        self.whereabouts = FilePresence(database, clock_now)
        self.pending = PendingWork(database, clock_now)

    # Into the queue

    def admit(self, file: NewFile, *, model: str, recipe: str, max_attempts: int) -> tuple[Admission, int]:
        """Queue a settled file, once; and the job that stands for it. `model` is "id@revision", `recipe` a digest."""
        return self.admit_all([file], model=model, recipe=recipe, max_attempts=max_attempts)[0]

    def admit_all(
        self, files: Sequence[NewFile], *, model: str, recipe: str, max_attempts: int
    ) -> list[tuple[Admission, int]]:
        """The same for some hundreds of files with different paths, in one transaction: all of them or none."""
        self._database.check_room()
        with self._change() as (connection, now):
            admitted = admission.admit_all(
                connection, now, files, model=model, recipe=recipe, max_attempts=max_attempts
            )
            failpoint("admitting")
            return admitted

    def refuse(self, refusal: Refusal) -> None:
        """Keep why a path was not taken; the last word counts."""
        self.refuse_all([refusal])

    def refuse_all(self, refusals: Sequence[Refusal]) -> None:
        """The same for some hundreds of different paths, in one transaction."""
        with self._change() as (connection, _):
            admission.refuse_all(connection, refusals)

    def forget_refusals(self, paths: Sequence[bytes]) -> None:
        """Nothing stands at these paths any more (the caller knows); some hundreds of them, in one transaction."""
        with self._change() as (connection, _):
            refused_paths.forget(connection, paths)

    def follow(self, job: Job, path: bytes) -> bool:
        """The job goes along with its file, which was moved to `path`. A done one is published there once more.

        False, and nothing changed, when somebody works on it, or `path` has a job of its own.
        """
        with self._change() as (connection, now):
            return relocation.follow(connection, now, job, path)

    def take_over(self, job: Job, picture: NewFile) -> bool:
        """The waiting job of a Live Photo's moving half goes over to its picture, which came later.

        False, and nothing changed, when it no longer waits, or the picture has a job of its own.
        """
        with self._change() as (connection, now):
            return relocation.take_over(connection, now, job, picture)

    def requeue(self, job_id: int) -> Job:
        """A person's retry. The failed or skipped job starts over; for a done one, the new job that asks again.

        A job that is under way is answered as it is. Raises NotFoundError: no such job, or its file went away.
        """
        with self._change() as (connection, now):
            return admission.requeue(connection, now, job_id)

    def requeue_failed(self) -> int:
        """Every failed job starts over; how many."""
        with self._change() as (connection, now):
            return admission.requeue_failed(connection, now)

    # A worker's way

    def claim(self, owner: str, *, lease_seconds: float) -> Claim | None:
        """Take the job that has waited longest of those that are due, and charge an attempt.

        Like `admit`, raises DiskFullError while there is too little room to begin anything new.
        """
        return next(iter(self.claim_all(owner, lease_seconds=lease_seconds, most=1)), None)

    def claim_all(self, owner: str, *, lease_seconds: float, most: int) -> list[Claim]:
        """The same for `most` jobs at most, in one transaction. A job that was tried before is taken alone."""
        self._database.check_room()
        with self._change() as (connection, now):
            claims = dispatch.claim_all(connection, now, owner, lease_seconds=lease_seconds, most=most)
            if claims:
                failpoint("claiming")
            return claims

    def beat(self, claim: Claim, *, lease_seconds: float) -> bool:
        """Say that the worker lives; False when the job is no longer its own."""
        with self._change() as (connection, now):
            beaten = connection.execute(
                update(jobs)
                .where(
                    jobs.c.id == claim.job.id,
                    jobs.c.token == claim.token,
                    jobs.c.state.in_((JobState.RUNNING, JobState.PUBLISHING)),
                )
                .values(lease_until=in_seconds(now, lease_seconds))
            )
            return beaten.rowcount == 1

    def release(self, claim: Claim, note: str) -> bool:
        """Give the job back undone: its attempt is refunded. False when it was taken back before."""
        with self._change() as (connection, now):
            return back_to_queue(connection, now, claim, note, attempts=jobs.c.attempts - 1)

    def publish(self, claim: Claim, description: Description) -> None:
        """Store the description: from now on the job is published, never described again. Raises ClaimLostError."""
        self._must(bool(self.publish_all([(claim, description)])), claim)

    def publish_all(self, described: Sequence[tuple[Claim, Description]]) -> set[int]:
        """The same for many jobs, in one transaction; the ids of those whose claims held. The others change nothing."""
        with self._change() as (connection, now):
            held = publication.publish_all(connection, now, described)
            failpoint("publishing")
            return held

    def finish(self, claim: Claim, note: str = "") -> None:
        """The sidecars stand. May raise ClaimLostError."""
        self._must(bool(self.finish_all([(claim, note)])), claim)

    def finish_all(self, written: Sequence[tuple[Claim, str]]) -> set[int]:
        """The same for many jobs, each with a note, in one transaction; the ids of those whose claims held."""
        with self._change() as (connection, now):
            held = publication.finish_all(connection, now, written)
            failpoint("finishing")
            return held

    def fail(self, claim: Claim, *, code: str, reason: str, cause: Cause, detail: str | None = None) -> None:
        """Give the file up until a person says otherwise. `detail`: a library's own words. May raise ClaimLostError."""
        self._end(claim, JobState.FAILED, code, reason, cause, detail)

    def skip(self, claim: Claim, *, code: str, reason: str, detail: str | None = None) -> None:
        """The file is none that can be described. May raise ClaimLostError."""
        self._end(claim, JobState.SKIPPED, code, reason, Cause.INPUT, detail)

    def mark_gone(self, claim: Claim, note: str) -> None:
        """The file went away. May raise ClaimLostError."""
        self._end(claim, JobState.GONE, "gone", note, None)

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
        if claim.job.attempts >= claim.job.max_attempts:
            self._end(claim, JobState.FAILED, code, reason, cause, detail)
            return
        with self._change() as (connection, now):
            why = {"cause": cause, "reason_code": code, "reason": reason, "detail": detail}
            due = min(not_before, now + LONGEST)
            self._must(back_to_queue(connection, now, claim, reason, not_before=due, **why), claim)

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
        with self._change() as (connection, now):
            why: dict[str, Any] = {"cause": cause, "reason_code": code, "reason": reason, "detail": detail}
            why["attempts"] = jobs.c.attempts - 1
            due = min(not_before, now + LONGEST)
            self._must(back_to_queue(connection, now, claim, reason, not_before=due, **why), claim)

    def postpone(
        self, claim: Claim, *, code: str, reason: str, not_before: datetime, detail: str | None = None
    ) -> None:
        """The sidecars cannot be written now: the job stays publishing until `claim_unpublished` takes it.

        Raises ClaimLostError.
        """
        with self._change() as (connection, now):
            why = {"cause": Cause.ENVIRONMENT, "reason_code": code, "reason": reason, "detail": detail}
            due = min(not_before, now + LONGEST)
            stay = JobState.PUBLISHING
            note = None if claim.job.reason == reason else reason  # for the same reason again: told already
            self._must(move(connection, now, claim, stay, stay, note, not_before=due, **UNOWNED, **why), claim)

    # After a death

    def claim_unpublished(self, owner: str, *, lease_seconds: float) -> list[tuple[Claim, Description]]:
        """Publishing jobs that are due and that nobody writes for, under new tokens; MOST_TAKEN_UP of them at most."""
        with self._change() as (connection, now):
            return recovery.claim_unpublished(connection, now, owner, lease_seconds=lease_seconds)

    def abandon_all(self, note: str) -> int:
        """No worker lives (the caller knows): take every job back; how many. Attempts stay charged."""
        with self._change() as (connection, now):
            return len(recovery.abandon(connection, now, note)) + recovery.orphan_publishing(connection)

    def reap(self) -> list[int]:
        """Take back the running jobs whose lease has run out; their ids."""
        with self._change() as (connection, now):
            return recovery.abandon(connection, now, "The worker stopped responding.", passed(jobs.c.lease_until, now))

    # Questions that the daemon asks on its way

    def cached_description(self, digest: str, *, model: str, recipe: str) -> Description | None:
        """What the same model said to the same questions about the same bytes, at any path."""
        with self._database.read() as connection:
            return description_rows.newest(connection, *description_rows.same_answers(digest, model, recipe))

    def answered(self, digests: Collection[str], *, model: str, recipe: str) -> set[str]:
        """Of these bytes, those about which `cached_description` knows something; asked about some hundreds at once."""
        with self._database.read() as connection:
            return description_rows.answered(connection, digests, model, recipe)

    def changed_from(self, job_id: int) -> frozenset[str]:
        """The digests of what the job's file held when it was described before, and from which it was changed in place.

        What was described under the same name before that name was last free, is not among them: it was another file.
        """
        with self._database.read() as connection:
            return changed_from(connection, job_id)

    def waiting(self) -> int:
        """How many jobs are not finished."""
        with self._database.read() as connection:
            return connection.execute(select(func.count()).where(jobs.c.state.in_(rows.LIVE))).scalar_one()

    def state(self, key: str) -> dict[str, Any] | None:
        """What the daemon last said of itself under this key."""
        with self._database.read() as connection:
            return rows.read_state(connection, key)

    def set_state(self, key: str, value: dict[str, Any]) -> None:
        """Say it; `value` holds plain JSON values."""
        with self._change() as (connection, _):
            connection.execute(delete(daemon_state).where(daemon_state.c.key == key))
            connection.execute(insert(daemon_state).values(key=key, value=value))

    @contextmanager
    def _change(self) -> Iterator[tuple[Connection, datetime]]:
        with self._database.write() as connection:
            yield connection, self._clock_now()

    def _end(
        self, claim: Claim, state: JobState, code: str, reason: str, cause: Cause | None, detail: str | None = None
    ) -> None:
        with self._change() as (connection, now):
            why = {"cause": cause, "reason_code": code, "reason": reason, "detail": detail}
            self._must(move(connection, now, claim, JobState.RUNNING, state, reason, **why), claim)

    @staticmethod
    def _must(moved: bool, claim: Claim) -> None:
        if not moved:
            raise ClaimLostError(f"Job {claim.job.id} is no longer {claim.owner}'s; nothing was changed.")
