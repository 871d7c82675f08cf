"""What is known of the model while no worker runs: that it waits for a file, or that it is not on this machine."""

from __future__ import annotations

from collections.abc import Callable

from config.errors import ModelUnavailableError
from daemon.clock import Clock

#: A model that was fetched is noticed within this time. One that is here is not looked at again: the worker will.
LOOK_AGAIN_SECONDS = 3.0


class ModelStatus:
    """`find` raises ModelUnavailableError where the model is not here; `report` writes the state down for status."""

    def __init__(
        self, find: Callable[[], object], report: Callable[[dict[str, object]], None], clock: Clock, *, model: str
    ) -> None:
        self._find = find
        self._report = report
        self._clock = clock
        self._idle: dict[str, object] = {"state": "idle", "model": model}
        self._reported: dict[str, object] | None = None
        self._due = 0.0

    def look(self) -> None:
        """Asked often while no worker runs. May raise StorageError; then the same is reported at the next look."""
        now = self._clock.monotonic()
        if self._reported == self._idle or (self._reported is not None and now < self._due):
            return
        self._due = now + LOOK_AGAIN_SECONDS
        state = self._look()
        if state != self._reported:
            self._report(state)
            self._reported = state

    def end(self) -> None:
        """A worker starts, and speaks for the model itself."""
        self._reported = None

    def _look(self) -> dict[str, object]:
        try:
            self._find()
        except ModelUnavailableError as error:
            return {"state": "unavailable", "reason": str(error), "advice": error.advice}
        return self._idle
