"""Linux: an observer with an inotify reader of its own.

watchdog's own observer shares one reader among all; when that thread dies, everything else still looks alive, and
every later observer would receive no events either.
"""

from __future__ import annotations

import errno
import os
import warnings
from collections.abc import Callable

from watchdog.observers.api import BaseObserver
from watchdog.observers.inotify import InotifyEmitter
from watchdog.observers.inotify_c import CallbackId, InotifyEvent, InotifyFD, Mask, WatchCallback, WatchDescriptor

from daemon.intake.watch.limits import LIMIT_ERRORS


class InotifyReader(InotifyFD):
    """Reports what watchdog hides: lost events, and folders that have no watch.

    `ran_short`: the system allows no more watches. `closed`: folders whose permissions forbid a watch.
    """

    def __init__(self, mark_lost: Callable[[], None]) -> None:
        super().__init__()
        self._mark_lost = mark_lost
        self.ran_short = False
        self.closed: set[bytes] = set()

    def handle_event(self, event: InotifyEvent) -> None:
        if event.is_queue_overflow:
            self._mark_lost()
        super().handle_event(event)

    def add_callback(self, path: bytes, mask: Mask, callback: WatchCallback, id_: CallbackId) -> WatchDescriptor:
        """Raises OSError, also for a closed folder: watchdog would take it for watched, by the descriptor -1."""
        if not os.access(path, os.R_OK) and os.path.lexists(path):
            self.closed.add(path)
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        try:
            return super().add_callback(path, mask, callback, id_)
        except OSError as error:
            self.ran_short = self.ran_short or error.errno in LIMIT_ERRORS
            raise


class OwnInotifyObserver(BaseObserver):
    """Alive only while its reader is. Calls `mark_lost` when events were lost; it must not block or raise.

    Raises OSError where the system allows no more inotify instances.
    """

    def __init__(self, mark_lost: Callable[[], None]) -> None:
        self._reader = InotifyReader(mark_lost)
        super().__init__(InotifyEmitter, inotify_fd=self._reader)

    @property
    def ran_short(self) -> bool:
        """Some folder below is not watched, because the system allows no more watches."""
        return self._reader.ran_short

    @property
    def can_watch_more(self) -> bool:
        """Some folder below is not watched because of its permissions, which allow it now."""
        return any(os.access(folder, os.R_OK) for folder in tuple(self._reader.closed))

    def on_thread_start(self) -> None:
        # A folder that is created while its parent is walked is found twice, and watchdog warns. It is watched once.
        warnings.filterwarnings("ignore", message="Callback with id .* already exists", category=RuntimeWarning)
        self._reader.start()
        super().on_thread_start()

    def on_thread_stop(self) -> None:
        super().on_thread_stop()
        self._reader.stop()

    def is_alive(self) -> bool:
        return super().is_alive() and self._reader.is_alive()
