"""The worker's main loop says that it goes on. The heartbeat cannot: it beats on while the model hangs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from daemon.clock import Clock
from daemon.messages import Stage

#: The same is said again this often at most.
AGAIN_SECONDS = 1.0


class LoopProgress:
    """`tell` brings a word to the supervisor; nobody hears it when the daemon is dead."""

    def __init__(self, tell: Callable[[Stage], None], clock: Clock) -> None:
        self._tell = tell
        self._clock = clock
        self._said: Stage | None = None
        self._due = 0.0

    def say(self, stage: Stage) -> None:
        now = self._clock.monotonic()
        # Small files are answered by the hundred a second: an answer says as well that work goes on.
        is_said = stage is self._said or (stage is Stage.WORKING and self._said is Stage.ANSWERED)
        if not is_said or (stage is not Stage.IDLE and now >= self._due):
            self._said, self._due = stage, now + AGAIN_SECONDS
            with suppress(OSError):
                self._tell(stage)

    def again(self) -> None:
        """Whatever it was, it goes on: a wait for the disk or the database is no hang."""
        if self._said is not None:
            self.say(self._said)
