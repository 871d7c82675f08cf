"""What the supervisor has sent, for the worker's main loop."""

from __future__ import annotations

import threading


class Control:
    """One thread waits; another one receives the supervisor's messages."""

    def __init__(self) -> None:
        self._received = threading.Event()
        self.is_stopping = False

    def stop(self) -> None:
        """Finish what is under way, and end."""
        self.is_stopping = True
        self._received.set()

    def wake(self) -> None:
        """There is something to do."""
        self._received.set()

    def wait(self, seconds: float) -> None:
        """Until a message, that long at most."""
        if self._received.wait(seconds) and not self.is_stopping:
            self._received.clear()
