"""The worker's two signs of life: leases renewed in the database, and the main loop's stage for the supervisor."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from loguru import logger

from daemon.clock import Clock
from daemon.episode import Episode, State, log_lines
from daemon.messages import Stage
from storage.errors import StorageError
from storage.jobs.store import JobStore
from storage.records import Claim

#: An unchanged stage is reported again this often at most.
REPEAT_SECONDS = 1.0


class Heartbeat:
    """A thread that renews the lease of every held claim, from `with` to its end.

    The worker holds and drops claims; any thread may release all of them.
    """

    def __init__(self, store: JobStore, *, beat_seconds: float, lease_seconds: float) -> None:
        self._store = store
        self._beat_seconds = beat_seconds
        self._lease_seconds = lease_seconds
        self._claims: dict[int, Claim] = {}
        self._lost: dict[int, Claim] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def is_holding(self) -> bool:
        with self._lock:
            return bool(self._claims)

    def holds(self, claim: Claim) -> bool:
        """False once the claim is lost or dropped, or its job is held under a newer claim."""
        with self._lock:
            return self._claims.get(claim.job.id) is claim

    def hold(self, claim: Claim) -> None:
        with self._lock:
            self._claims[claim.job.id] = claim
            self._lost.pop(claim.job.id, None)

    def drop(self, claim: Claim) -> None:
        """A newer claim on the same job stays."""
        with self._lock:
            for claims in (self._claims, self._lost):
                if claims.get(claim.job.id) is claim:
                    del claims[claim.job.id]

    def take_lost(self) -> list[Claim]:
        """The claims of held jobs that were found lost since the last call: the jobs were cancelled or taken back."""
        with self._lock:
            lost, self._lost = list(self._lost.values()), {}
        return lost

    def release_all(self, note: str) -> None:
        """Requeue every held job, its attempt refunded. A thread that still works on one finds its claim lost."""
        for claim in self._held():
            self._store.release(claim, note)
            self.drop(claim)

    def beat(self) -> None:
        """Renew the lease of every held claim.

        A claim may be lost because its job has just finished: then the worker drops it before the next beat.
        """
        with self._lock:
            lost, self._lost = list(self._lost.values()), {}
        for claim in lost:
            logger.warning("Job {}: the claim was lost while the job was running", claim.job.id)
        if not (held := self._held()):
            return
        renewed = self._store.beat_all(held, lease_seconds=self._lease_seconds)
        with self._lock:
            for claim in held:
                if claim.job.id not in renewed and self._claims.get(claim.job.id) is claim:
                    self._lost[claim.job.id] = self._claims.pop(claim.job.id)

    def _held(self) -> list[Claim]:
        with self._lock:
            return list(self._claims.values())

    def _run(self) -> None:
        episode = Episode()
        while not self._stop.wait(self._beat_seconds):
            try:
                self.beat()
            except StorageError as error:
                state = State(
                    type(error).__name__, f"Heartbeats cannot be written: {error}", "Heartbeats are written again"
                )
                log_lines(episode.on(state, time.monotonic()))
            else:
                log_lines(episode.off(time.monotonic()))


class StageReporter:
    """Reports the main loop's stage. The heartbeat cannot replace it: its thread also runs while the model hangs."""

    def __init__(self, send: Callable[[Stage], None], clock: Clock) -> None:
        self._send = send
        self._clock = clock
        self._reported: Stage | None = None
        self._due = 0.0

    def report(self, stage: Stage) -> None:
        """Send a new stage, or the same one after a second. The error of a dead daemon is ignored."""
        now = self._clock.monotonic()
        # Small files are answered by the hundred a second: ANSWERED implies WORKING.
        is_reported = stage is self._reported or (stage is Stage.WORKING and self._reported is Stage.ANSWERED)
        if not is_reported or (stage is not Stage.IDLE and now >= self._due):
            self._reported, self._due = stage, now + REPEAT_SECONDS
            with suppress(OSError):
                self._send(stage)

    def repeat(self) -> None:
        """The stage lasts: waiting for the disk or the database is no hang."""
        if self._reported is not None:
            self.report(self._reported)
