"""Linux: an observer with an inotify reader of its own.

watchdog's own observer shares one reader among all; when that thread dies, everything else still looks alive, and every
later observer would be deaf too.
"""

from __future__ import annotations

import warnings

from watchdog.observers.api import BaseObserver
from watchdog.observers.inotify import InotifyEmitter
from watchdog.observers.inotify_c import InotifyFD


class OwnInotifyObserver(BaseObserver):
    """Alive only while its reader is. Raises OSError where the system allows no more inotify instances."""

    def __init__(self) -> None:
        self._reader = InotifyFD()
        super().__init__(InotifyEmitter, inotify_fd=self._reader)

    def on_thread_start(self) -> None:
        # A folder that is made while its parent is being walked is met twice, and watchdog warns. It is watched once.
        warnings.filterwarnings("ignore", message="Callback with id .* already exists", category=RuntimeWarning)
        self._reader.start()
        super().on_thread_start()

    def on_thread_stop(self) -> None:
        super().on_thread_stop()
        self._reader.stop()

    def is_alive(self) -> bool:
        return super().is_alive() and self._reader.is_alive()
