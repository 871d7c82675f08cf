"""The heartbeat: a thread that says, for every claim held, that its worker is alive."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Self

from loguru import logger

from daemon.episode import Episode, State, log_lines
from storage.errors import StorageError
from storage.jobs.store import JobStore
from storage.records import Claim


class Heartbeat:
    """Beats from `with` to its end. Claims are held and dropped by the worker; any thread may let go of all of them."""

    def __init__(self, store: JobStore, *, beat_seconds: float, lease_seconds: float) -> None:
        self._store = store
        self._beat_seconds = beat_seconds
        self._lease_seconds = lease_seconds
        self._claims: dict[int, Claim] = {}
        self._lost: dict[int, Claim] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)

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

    def hold(self, claim: Claim) -> None:
        with self._lock:
            self._claims[claim.job.id] = claim

    def drop(self, claim: Claim) -> None:
        with self._lock:
            self._claims.pop(claim.job.id, None)
            self._lost.pop(claim.job.id, None)

    def release_all(self, note: str) -> None:
        """Give every job back, its attempt refunded. Whoever still works on one finds its claim lost."""
        for claim in self._held():
            self._store.release(claim, note)
            self.drop(claim)

    def beat(self) -> None:
        """Renew the lease of every claim that is held.

        A claim may be lost because its job was finished a moment ago: then the worker drops it before the next beat.
        """
        with self._lock:
            lost, self._lost = list(self._lost.values()), {}
        for claim in lost:
            logger.warning("Job {} was taken back while it was worked on", claim.job.id)
        for claim in self._held():
            if not self._store.beat(claim, lease_seconds=self._lease_seconds):
                with self._lock:
                    if self._claims.get(claim.job.id) is claim:
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
                    type(error).__name__, f"No heartbeat can be written: {error}", "Heartbeats are written again"
                )
                log_lines(episode.on(state, time.monotonic()))
            else:
                log_lines(episode.off(time.monotonic()))
