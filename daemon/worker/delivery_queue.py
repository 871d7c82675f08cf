"""Descriptions are delivered on a thread beside the model, which need not stand still while the drive writes."""

from __future__ import annotations

import threading
from collections import deque
from types import TracebackType
from typing import Self

from daemon.clock import Clock
from daemon.delivery import MOST_TOGETHER, Delivery
from daemon.errors import MediaError
from daemon.worker.heartbeat import Heartbeat
from daemon.worker.loop_progress import LoopProgress
from daemon.worker.outcomes import check_unchanged
from storage.description import Description
from storage.errors import StorageError
from storage.jobs.recovery import MAX_UNPUBLISHED
from storage.records import Claim

TAKE_UP_SECONDS = 5.0
#: Descriptions that may wait. When the drive is slower than the model, the model waits for it.
MOST_WAITING = 2 * MOST_TOGETHER
#: How long the thread is waited for at the end. A drive that hangs keeps nobody: the thread ends with the process.
GRACE_SECONDS = 1.0


class DeliveryQueue:
    """Has the delivery to itself. Its thread lives from `with` to the end of it; all methods are for one other thread.

    Descriptions are delivered in the order in which they come, all that wait together; each claim is held until then.
    """

    def __init__(
        self,
        delivery: Delivery,
        pulse: Heartbeat,
        progress: LoopProgress,
        clock: Clock,
        *,
        owner: str,
        lease_seconds: float,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self._delivery = delivery
        self._pulse = pulse
        self._progress = progress
        self._clock = clock
        self._owner = owner
        self._lease_seconds = lease_seconds
        self._most_waiting = most_waiting
        self._waiting: deque[tuple[Claim, Description]] = deque()
        self._under_way = 0
        self._refused: list[tuple[Claim, Exception]] = []
        self._take_up_due = 0.0
        self._changed = threading.Condition()
        self._is_over = False
        self._broken: Exception | None = None
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
        """How many descriptions were handed over and are not delivered."""
        with self._changed:
            return len(self._waiting) + self._under_way

    def put(self, claim: Claim, description: Description) -> None:
        """Have this delivered. Waits while too many wait already. Raises what broke the delivery: see `check`."""
        with self._changed:
            self._changed.wait_for(lambda: self._broken or len(self._waiting) < self._most_waiting)
            self._check()
            self._waiting.append((claim, description))
            self._changed.notify_all()

    def check(self) -> None:
        """Raises what broke the delivery (StorageError, or what nobody foresaw): from then on nothing is delivered."""
        with self._changed:
            self._check()

    def wait(self, seconds: float) -> None:
        """Until something more is delivered, or that long; not at all when there is nothing to deliver."""
        with self._changed:
            left = len(self._waiting) + self._under_way
            self._changed.wait_for(lambda: self._broken or not left or self._left() < left, seconds)

    def drain(self) -> None:
        """Until all is delivered. Raises as `check` does."""
        with self._changed:
            self._changed.wait_for(lambda: self._broken or not self._left())
            self._check()

    def take_refused(self) -> list[tuple[Claim, Exception]]:
        """The jobs that cannot be delivered, and why (the file is another one now, say): since this was last asked."""
        with self._changed:
            refused, self._refused = self._refused, []
        return refused

    def deliver_next(self) -> bool:
        """Deliver in the caller's time what waits, or what an earlier worker left behind; False if there is nothing."""
        taken_up = self._take_up()
        with self._changed:
            some = [self._waiting.popleft() for _ in range(min(len(self._waiting), MOST_TOGETHER))]
            self._under_way = len(some)
            self._changed.notify_all()
        if some:
            refused = self._deliver(some)
            with self._changed:
                self._refused += refused
                self._under_way = 0
                self._changed.notify_all()
            self._progress.again()
        return bool(taken_up or some)

    def _deliver(self, described: list[tuple[Claim, Description]]) -> list[tuple[Claim, Exception]]:
        """What was said holds for the bytes that were read; if others stand there now, it is not delivered."""
        true: list[tuple[Claim, Description]] = []
        refused: list[tuple[Claim, Exception]] = []
        for claim, description in described:
            try:
                check_unchanged(claim.job.path, claim.job.fingerprint)
            except MediaError as error:
                refused.append((claim, error))
            else:
                true.append((claim, description))
        try:
            self._delivery.deliver(true)
        except StorageError:
            raise
        except Exception:  # one that nobody foresaw must not keep the others
            refused += self._deliver_apart(true)
        kept = {claim.job.id for claim, _ in refused}
        for claim, _ in true:
            if claim.job.id not in kept:
                self._pulse.drop(claim)
        return refused

    def _deliver_apart(self, described: list[tuple[Claim, Description]]) -> list[tuple[Claim, Exception]]:
        """Those that were published before things went wrong, lose nothing: they are taken up later."""
        refused: list[tuple[Claim, Exception]] = []
        for one in described:
            try:
                self._delivery.deliver([one])
            except StorageError:
                raise
            except Exception as error:
                refused.append((one[0], error))
        return refused

    def _take_up(self) -> int:
        """Publications of before come first."""
        if self._clock.monotonic() < self._take_up_due:
            return 0
        taken = self._delivery.claim_unpublished(self._owner, lease_seconds=self._lease_seconds)
        if taken < MAX_UNPUBLISHED:  # else more are waiting
            self._take_up_due = self._clock.monotonic() + TAKE_UP_SECONDS
        return taken

    def _run(self) -> None:
        try:
            while self._waits_for_more():
                self.deliver_next()
        except Exception as error:  # the worker raises it: one that cannot write down what happened must not go on
            with self._changed:
                self._broken = error
                self._changed.notify_all()

    def _waits_for_more(self) -> bool:
        """Until there is something to deliver or to take up; False when no more will come."""
        with self._changed:
            due = max(0.0, self._take_up_due - self._clock.monotonic())
            self._changed.wait_for(lambda: self._is_over or self._waiting, due)
            return not self._is_over

    def _left(self) -> int:
        return len(self._waiting) + self._under_way

    def _check(self) -> None:
        if self._broken is not None:
            raise self._broken
