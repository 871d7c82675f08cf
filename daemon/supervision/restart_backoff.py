"""How long a worker that died is waited for. Pure."""

from __future__ import annotations

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
#: A worker that lived this long started well: the next death is a new story.
LONG_LIFE = 60.0


class RestartBackoff:
    """How long to wait before the next start: 1, 2, 4 ... 60 seconds, from 1 again after a good life."""

    def __init__(self) -> None:
        self._next = FIRST_PAUSE

    @property
    def is_at_limit(self) -> bool:
        """Worker after worker has died."""
        return self._next >= LONGEST_PAUSE

    def after_life_of(self, seconds: float, *, has_answered: bool) -> float:
        """A file that kills every worker shall not keep waiting those that are described between the deaths."""
        if has_answered or seconds >= LONG_LIFE:
            self._next = FIRST_PAUSE
        pause = self._next
        self._next = min(LONGEST_PAUSE, pause * 2)
        return pause
