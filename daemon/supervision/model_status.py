"""The model's state while no worker runs: idle, or not on this machine."""

from __future__ import annotations

from collections.abc import Callable

from config.errors import ModelUnavailableError
from daemon.clock import Clock
from storage.status.values import EngineStatus

#: A model that was fetched is noticed within this time. One that was found is not checked again: the worker does that.
CHECK_SECONDS = 3.0


class ModelStatus:
    """`find` raises ModelUnavailableError when the model is missing; `report` stores the state for status."""

    def __init__(
        self, find: Callable[[], object], report: Callable[[EngineStatus], None], clock: Clock, *, model: str
    ) -> None:
        self._find = find
        self._report = report
        self._clock = clock
        self._idle = EngineStatus(state="idle", model=model)
        self._reported: EngineStatus | None = None
        self._due = 0.0

    def check(self) -> None:
        """Call often while no worker runs. May raise StorageError; then the next check reports the state again."""
        now = self._clock.monotonic()
        if self._reported == self._idle or (self._reported is not None and now < self._due):
            return
        self._due = now + CHECK_SECONDS
        state = self._state()
        if state != self._reported:
            self._report(state)
            self._reported = state

    def reset(self) -> None:
        """A worker starts, and reports the model's state itself."""
        self._reported = None

    def worker_died(self, reason: str) -> None:
        """The model is loaded again by the next worker. May raise StorageError."""
        self._report(EngineStatus(state="restarting", reason=reason))
        self._reported = None

    def _state(self) -> EngineStatus:
        try:
            self._find()
        except ModelUnavailableError as error:
            return EngineStatus(state="unavailable", reason=str(error), advice=error.advice)
        return self._idle
