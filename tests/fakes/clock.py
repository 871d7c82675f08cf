"""A clock that moves only when the test moves it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 24, 9, 0, 0, tzinfo=UTC)


class FakeClock:
    """Stands in for `daemon.clock.Clock`."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start
        self._monotonic = 1000.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Time goes by: both clocks move."""
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds

    def set_wall(self, moment: datetime) -> None:
        """Somebody sets the wall clock, or the machine sleeps: the monotonic clock does not move."""
        self._now = moment
