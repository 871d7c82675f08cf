"""The watcher: hears names from the operating system. A hint only; the sweep is the truth.

What it hears goes into `Heard` and nowhere else, so that the observer's threads never wait for anything.
"""

from __future__ import annotations

import errno
import logging
import os
import sys
import threading
from collections.abc import Callable

from loguru import logger
from watchdog.events import (
    DirCreatedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers.api import BaseObserver
from watchdog.observers.polling import PollingObserver

#: Our own reading opens and closes files; only what can change a file's bytes or name is heard.
EVENTS: list[type[FileSystemEvent]] = [
    FileCreatedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileClosedEvent,
    FileDeletedEvent,
    DirCreatedEvent,
    DirMovedEvent,
]
MOST_PATHS = 10_000
POLL_SECONDS = 2.0
#: watchdog reports a lost event only in its log.
OVERFLOW_LOGGER = "watchdog.observers.inotify_c"
LIMIT_ERRORS = frozenset({errno.ENOSPC, errno.EMFILE})
LIMIT_ADVICE = (
    "The system allows no more folder watches; the inbox is listed every few seconds instead. "
    "To lift the limit: sysctl fs.inotify.max_user_watches fs.inotify.max_user_instances"
)


class Heard:
    """The paths that somebody spoke of since the last `take`. Thread-safe and bounded: too many become one sweep."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._paths: dict[bytes, None] = {}
        self._lost = False

    def add(self, path: bytes) -> None:
        with self._lock:
            self._paths[path] = None
            if len(self._paths) > MOST_PATHS:
                self._paths.clear()
                self._lost = True

    def lose(self) -> None:
        """Something was missed: only a sweep can tell what."""
        with self._lock:
            self._lost = True

    def take(self) -> tuple[list[bytes], bool]:
        """The paths in the order heard, and whether something was missed."""
        with self._lock:
            taken, lost = list(self._paths), self._lost
            self._paths.clear()
            self._lost = False
        return taken, lost

    @property
    def is_empty(self) -> bool:
        with self._lock:
            return not self._paths and not self._lost


class Listener(FileSystemEventHandler):
    """Passes every name on. It must not raise: that would end the observer's thread without a word."""

    def __init__(self, heard: Heard) -> None:
        self._heard = heard

    def on_any_event(self, event: FileSystemEvent) -> None:
        for path in (event.src_path, event.dest_path):
            if path:
                self._heard.add(os.fsencode(path))


class OverflowListener(logging.Handler):
    def __init__(self, heard: Heard) -> None:
        super().__init__(level=logging.WARNING)
        self._heard = heard

    def emit(self, record: logging.LogRecord) -> None:
        if "overflow" in record.getMessage():
            self._heard.lose()


class Watcher:
    """One recursive watch on the inbox, replaced when it falls ill. `kind` is what status shows."""

    def __init__(self, root: bytes, heard: Heard, observe: Callable[[], BaseObserver] | None = None) -> None:
        self._observe = observe or native_observer
        self._root = root
        self._heard = heard
        self._observer: BaseObserver | None = None
        self._root_id: tuple[int, int] | None = None
        self._overflow = OverflowListener(heard)
        self.advice = ""

    @property
    def kind(self) -> str:
        return type(self._observer).__name__ if self._observer else "none"

    def start(self) -> None:
        """Raises FileNotFoundError while there is no inbox, OSError when it cannot be watched at all."""
        self._root_id = root_id(self._root)
        logging.getLogger(OVERFLOW_LOGGER).addHandler(self._overflow)
        try:
            self._observer = self._watch(self._observe())
            self.advice = ""
        except OSError as error:
            if error.errno not in LIMIT_ERRORS:
                raise
            self.advice = LIMIT_ADVICE
            logger.warning(LIMIT_ADVICE)
            self._observer = self._watch(PollingObserver(timeout=POLL_SECONDS))

    def stop(self) -> None:
        logging.getLogger(OVERFLOW_LOGGER).removeHandler(self._overflow)
        observer, self._observer = self._observer, None
        if observer is None:
            return
        observer.stop()
        for emitter in observer.emitters:
            emitter.stop()
        if observer.ident is not None:
            observer.join(timeout=2)

    def illness(self) -> str | None:
        """Why the watch no longer hears everything; None while it is well.

        An observer says nothing when one of its threads dies, or when the folder is exchanged under it.
        """
        if self._observer is None:
            return "the inbox is not watched yet"
        if not self._observer.is_alive():
            return "the watcher's thread has died"
        if not self._observer.emitters or not all(emitter.is_alive() for emitter in self._observer.emitters):
            return "a watch has ended"
        if root_id(self._root) != self._root_id:
            return "the inbox folder was exchanged"
        return None

    def _watch(self, observer: BaseObserver) -> BaseObserver:
        observer.schedule(Listener(self._heard), os.fsdecode(self._root), recursive=True, event_filter=EVENTS)
        try:
            observer.start()
        except OSError:
            observer.stop()
            raise
        return observer


def native_observer() -> BaseObserver:
    """What the system itself offers for hearing of changes."""
    if sys.platform == "linux":
        from daemon.intake.inotify import OwnInotifyObserver

        return OwnInotifyObserver()
    from watchdog.observers import Observer

    return Observer()


def root_id(root: bytes) -> tuple[int, int]:
    """Which folder stands at the path; raises FileNotFoundError when none does."""
    stat = os.stat(root)
    return stat.st_dev, stat.st_ino
