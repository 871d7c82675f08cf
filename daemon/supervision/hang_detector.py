"""Detects a hung worker: one that renews its leases but makes no progress. Pure, but for the clock."""

from __future__ import annotations

from daemon.clock import Clock
from daemon.messages import Stage

#: Loading the model the first time, from a slow disk, takes longer than any round of work.
LOADING_FACTOR = 5.0
#: The machine may just be slow: each worker killed for a hang doubles the limit of the next, up to this factor.
MAX_FACTOR = 8.0
#: So many reported answers (at most one is reported a second) halve it again: the machine is not that slow.
ANSWERS_TO_HALVE = 32
#: After so long without a check, the daemon itself was suspended, and the worker perhaps with it.
GAP_SECONDS = 10.0


class HangDetector:
    """A worker may be silent for `seconds` after each reported stage.

    The monotonic clock stops while the machine sleeps.
    """

    def __init__(self, seconds: float, clock: Clock) -> None:
        self._seconds = seconds
        self._clock = clock
        self._stage = Stage.IDLE
        self._since = self._checked = clock.monotonic()
        self._factor = 1.0
        self._answers = 0

    def record(self, stage: Stage) -> None:
        self._stage, self._since = stage, self._clock.monotonic()
        self._answers += stage is Stage.ANSWERED
        if self._answers == ANSWERS_TO_HALVE:
            self._factor, self._answers = max(1.0, self._factor / 2), 0

    def hung_seconds(self) -> float | None:
        """Call often: the seconds without progress if they exceed the limit, else None."""
        now, before = self._clock.monotonic(), self._checked
        self._checked = now
        if now - before > GAP_SECONDS:
            self._since = now
        if self._stage in (Stage.IDLE, Stage.BLOCKED) or now - self._since <= self._limit():
            return None
        return now - self._since

    def record_kill(self) -> None:
        """A worker was killed for a hang."""
        self._factor, self._answers = min(MAX_FACTOR, 2 * self._factor), 0

    def _limit(self) -> float:
        return self._seconds * self._factor * (LOADING_FACTOR if self._stage is Stage.LOADING else 1.0)
