"""The back-off before a dead worker's replacement starts. Pure."""

from __future__ import annotations

FIRST_PAUSE = 1.0
MAX_PAUSE = 60.0
#: A worker that ran this long started well: its death begins a new series.
LONG_LIFE = 60.0


class RestartBackoff:
    """Pauses of 1, 2, 4 ... 60 seconds; from 1 again after a long life."""

    def __init__(self) -> None:
        self._next = FIRST_PAUSE

    @property
    def is_at_limit(self) -> bool:
        """Many workers in a row have died."""
        return self._next >= MAX_PAUSE

    def pause_after(self, lifetime: float, *, has_answered: bool) -> float:
        """Resets after any answer too, so that a poison file does not delay the healthy ones."""
        if has_answered or lifetime >= LONG_LIFE:
            self._next = FIRST_PAUSE
        pause = self._next
        self._next = min(MAX_PAUSE, pause * 2)
        return pause
