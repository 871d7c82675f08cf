"""What the supervisor has said, for the worker's main loop to find."""

from __future__ import annotations

import threading


class Orders:
    """One thread waits, another one hears the supervisor."""

    def __init__(self) -> None:
        self._heard = threading.Event()
        self.is_stop = False

    def stop(self) -> None:
        """Finish what is under way, and end."""
        self.is_stop = True
        self._heard.set()

    def work(self) -> None:
        """There is something to do."""
        self._heard.set()

    def wait(self, seconds: float) -> None:
        """That long, or until something is said."""
        if self._heard.wait(seconds) and not self.is_stop:
            self._heard.clear()
