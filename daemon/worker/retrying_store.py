"""The worker's store: what cannot be written now is kept, and written as soon as it can be."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any, ParamSpec, TypeVar

from daemon.episode import Episode, State, log_lines
from storage.db.database import Database
from storage.errors import TransientError
from storage.jobs.pending_work import PendingWork
from storage.jobs.store import JobStore
from storage.lifecycle import Cause
from storage.records import Claim, Description

AGAIN_SECONDS = 1.0

P = ParamSpec("P")
T = TypeVar("T")


class RetryingPendingWork(PendingWork):
    """Where it cannot be asked now, there may be something to do: whoever claims it waits for the database."""

    def has_file(self) -> bool:
        try:
            return super().has_file()
        except TransientError:
            return True


class RetryingStore(JobStore):
    """Waits while the disk is full, the server is away, or another program holds the database. For several threads.

    Nothing new is claimed meanwhile. Each of its ways is one transaction that left nothing behind when it failed, so
    it may be retried; if the claim was taken back in between, the retry raises ClaimLostError as ever. So it does where
    a server went away in the very moment of the commit, and had kept it: then the job is where it should be.
    """

    def __init__(
        self,
        database: Database,
        clock_now: Callable[[], datetime],
        sleep: Callable[[float], object] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(database, clock_now)
        self.pending = RetryingPendingWork(database, clock_now)
        self._sleep = sleep
        self._monotonic = monotonic
        self._episode = Episode()
        self._lock = threading.Lock()

    def claim_all(self, owner: str, *, lease_seconds: float, most: int) -> list[Claim]:
        try:
            claims = super().claim_all(owner, lease_seconds=lease_seconds, most=most)
        except TransientError as error:
            self._waits(error)
            return []
        self._goes_on()
        return claims

    def claim_unpublished(self, owner: str, *, lease_seconds: float) -> list[tuple[Claim, Description]]:
        try:
            return super().claim_unpublished(owner, lease_seconds=lease_seconds)
        except TransientError as error:
            self._waits(error)
            return []

    def cached_description(self, digest: str, *, model: str, recipe: str) -> Description | None:
        return self._at_last(super().cached_description, digest, model=model, recipe=recipe)

    def answered(self, digests: Collection[str], *, model: str, recipe: str) -> set[str]:
        return self._at_last(super().answered, digests, model=model, recipe=recipe)

    def changed_from(self, job_id: int) -> frozenset[str]:
        return self._at_last(super().changed_from, job_id)

    def release(self, claim: Claim, note: str) -> bool:
        return self._at_last(super().release, claim, note)

    def publish_all(self, described: Sequence[tuple[Claim, Description]]) -> set[int]:
        return self._at_last(super().publish_all, described)

    def finish_all(self, written: Sequence[tuple[Claim, str]]) -> set[int]:
        return self._at_last(super().finish_all, written)

    def fail(self, claim: Claim, *, code: str, reason: str, cause: Cause, detail: str | None = None) -> None:
        self._at_last(super().fail, claim, code=code, reason=reason, cause=cause, detail=detail)

    def skip(self, claim: Claim, *, code: str, reason: str, detail: str | None = None) -> None:
        self._at_last(super().skip, claim, code=code, reason=reason, detail=detail)

    def mark_gone(self, claim: Claim, note: str) -> None:
        self._at_last(super().mark_gone, claim, note)

    def retry_later(
        self, claim: Claim, *, code: str, reason: str, cause: Cause, not_before: datetime, detail: str | None = None
    ) -> None:
        self._at_last(
            super().retry_later, claim, code=code, reason=reason, cause=cause, not_before=not_before, detail=detail
        )

    def wait(
        self, claim: Claim, *, code: str, reason: str, cause: Cause, not_before: datetime, detail: str | None = None
    ) -> None:
        self._at_last(super().wait, claim, code=code, reason=reason, cause=cause, not_before=not_before, detail=detail)

    def postpone(
        self, claim: Claim, *, code: str, reason: str, not_before: datetime, detail: str | None = None
    ) -> None:
        self._at_last(super().postpone, claim, code=code, reason=reason, not_before=not_before, detail=detail)

    def set_state(self, key: str, value: dict[str, Any]) -> None:
        self._at_last(super().set_state, key, value)

    def _at_last(self, way: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        while True:
            try:
                done = way(*args, **kwargs)
            except TransientError as error:
                self._waits(error)
                self._sleep(AGAIN_SECONDS)
            else:
                self._goes_on()
                return done

    def _waits(self, error: TransientError) -> None:
        state = State(type(error).__name__, f"The worker waits: {error}", "The worker goes on")
        with self._lock:
            log_lines(self._episode.on(state, self._monotonic()))

    def _goes_on(self) -> None:
        with self._lock:
            log_lines(self._episode.off(self._monotonic()))
