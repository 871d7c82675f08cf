"""Descriptions are delivered on a thread of their own, so that the model does not wait for the drive."""

from __future__ import annotations

import threading
from collections import deque
from types import TracebackType
from typing import Self

from daemon.clock import Clock
from daemon.delivery import MAX_BATCH, Delivery
from daemon.errors import MediaError
from daemon.worker.heartbeat import Heartbeat, StageReporter
from daemon.worker.outcomes import check_unchanged
from storage.description import Description
from storage.errors import StorageError
from storage.jobs.recovery import MAX_UNPUBLISHED
from storage.records import Claim

RECOVERY_SECONDS = 5.0
#: Descriptions that may wait. When the drive is slower than the model, the model waits for it.
MAX_WAITING = 2 * MAX_BATCH
#: How long the end waits for the thread. A drive that hangs delays nothing: the thread ends with the process.
GRACE_SECONDS = 1.0


class DeliveryQueue:
    """Uses the delivery alone. Its thread lives from `with` to the end of it; all methods are for one other thread.

    Descriptions are delivered in their order, all that wait in one batch; each claim is held until then.
    """

    def __init__(
        self,
        delivery: Delivery,
        heartbeat: Heartbeat,
        stages: StageReporter,
        clock: Clock,
        *,
        owner: str,
        lease_seconds: float,
        max_waiting: int = MAX_WAITING,
    ) -> None:
        self._delivery = delivery
        self._heartbeat = heartbeat
        self._stages = stages
        self._clock = clock
        self._owner = owner
        self._lease_seconds = lease_seconds
        self._max_waiting = max_waiting
        self._waiting: deque[tuple[Claim, Description]] = deque()
        self._in_delivery = 0
        self._refused: list[tuple[Claim, Exception]] = []
        self._recovery_due = 0.0
        self._changed = threading.Condition()
        self._is_over = False
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="deliveries", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
        self._thread.join(GRACE_SECONDS)

    def __len__(self) -> int:
        """How many descriptions were put and are not delivered."""
        with self._changed:
            return self._undelivered()

    def put(self, claim: Claim, description: Description) -> None:
        """Deliver this in the background. Blocks while the queue is full. Raises what ended the thread: see `check`."""
        with self._changed:
            self._changed.wait_for(lambda: self._failure or len(self._waiting) < self._max_waiting)
            self._check()
            self._waiting.append((claim, description))
            self._changed.notify_all()

    def check(self) -> None:
        """Raises what ended the thread (StorageError, or an unexpected error): nothing is delivered any more."""
        with self._changed:
            self._check()

    def wait(self, seconds: float) -> None:
        """Until one more is delivered, at most that long; not at all when there is nothing to deliver."""
        with self._changed:
            before = self._undelivered()
            self._changed.wait_for(lambda: self._failure or not before or self._undelivered() < before, seconds)

    def drain(self) -> None:
        """Until all is delivered. Raises as `check` does."""
        with self._changed:
            self._changed.wait_for(lambda: self._failure or not self._undelivered())
            self._check()

    def take_refused(self) -> list[tuple[Claim, Exception]]:
        """The jobs that cannot be delivered since the last call, and why (the file has changed, for example)."""
        with self._changed:
            refused, self._refused = self._refused, []
        return refused

    def deliver_next(self) -> bool:
        """Deliver, in the caller's thread, what waits or an earlier worker left; False when there is nothing."""
        recovered = self._recover()
        with self._changed:
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), MAX_BATCH))]
            self._in_delivery = len(batch)
            self._changed.notify_all()
        if batch:
            refused = self._deliver(batch)
            with self._changed:
                self._refused += refused
                self._in_delivery = 0
                self._changed.notify_all()
            self._stages.repeat()
        return bool(recovered or batch)

    def _deliver(self, batch: list[tuple[Claim, Description]]) -> list[tuple[Claim, Exception]]:
        """A description is of the bytes that were read: if the file has changed since, it is refused."""
        valid: list[tuple[Claim, Description]] = []
        refused: list[tuple[Claim, Exception]] = []
        for claim, description in batch:
            try:
                check_unchanged(claim.job.path, claim.job.fingerprint)
            except MediaError as error:
                refused.append((claim, error))
            else:
                valid.append((claim, description))
        try:
            self._delivery.deliver(valid)
        except StorageError:
            raise
        except Exception:  # noqa: BLE001 - an unexpected error of one must not block the others
            refused += self._deliver_one_by_one(valid)
        refused_ids = {claim.job.id for claim, _ in refused}
        for claim, _ in valid:
            if claim.job.id not in refused_ids:
                self._heartbeat.drop(claim)
        return refused

    def _deliver_one_by_one(self, batch: list[tuple[Claim, Description]]) -> list[tuple[Claim, Exception]]:
        """Jobs that were published before the error lose nothing: they are recovered later."""
        refused: list[tuple[Claim, Exception]] = []
        for claim, description in batch:
            try:
                self._delivery.deliver([(claim, description)])
            except StorageError:
                raise
            except Exception as error:  # noqa: BLE001 - the job's own outcome
                refused.append((claim, error))
        return refused

    def _recover(self) -> int:
        """Publish first what an earlier worker described and did not deliver."""
        if self._clock.monotonic() < self._recovery_due:
            return 0
        recovered = self._delivery.claim_unpublished(self._owner, lease_seconds=self._lease_seconds)
        if recovered < MAX_UNPUBLISHED:  # else there are more
            self._recovery_due = self._clock.monotonic() + RECOVERY_SECONDS
        return recovered

    def _run(self) -> None:
        try:
            while self._wait_for_more():
                self.deliver_next()
        except Exception as error:  # noqa: BLE001 - raised in the worker: one that cannot store what happened must end
            with self._changed:
                self._failure = error
                self._changed.notify_all()

    def _wait_for_more(self) -> bool:
        """Until there is something to deliver or to recover; False when no more will come."""
        with self._changed:
            due = max(0.0, self._recovery_due - self._clock.monotonic())
            self._changed.wait_for(lambda: self._is_over or self._waiting, due)
            return not self._is_over

    def _undelivered(self) -> int:
        return len(self._waiting) + self._in_delivery

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure
