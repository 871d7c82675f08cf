"""watchdog's observers: choosing one for the system, starting, checking and stopping it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from watchdog.events import (
    DirAttribEvent,
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileAttribEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers.api import BaseObserver

#: Only events that can change a file's content, name or permissions: our own reading opens and closes files, too.
EVENTS: list[type[FileSystemEvent]] = [
    FileCreatedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileClosedEvent,
    FileDeletedEvent,
    FileAttribEvent,
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    DirAttribEvent,
]


def start_observer(observer: BaseObserver, root: bytes, listener: FileSystemEventHandler) -> None:
    """Raises OSError, and then leaves no thread behind."""
    observer.schedule(listener, os.fsdecode(root), recursive=True, event_filter=EVENTS)
    try:
        observer.start()
    except OSError:
        observer.stop()
        raise


def stop_observer(observer: BaseObserver) -> None:
    observer.stop()
    for emitter in observer.emitters:
        emitter.stop()
    if observer.ident is not None:
        observer.join(timeout=2)


def defect_of(observer: BaseObserver) -> str | None:
    if not observer.is_alive():
        return "the watcher's thread has died"
    if not observer.emitters or not all(emitter.is_alive() for emitter in observer.emitters):
        return "a watch has ended"
    if getattr(observer, "can_watch_more", False):
        return "the permissions of a folder were given back"
    return "a folder could not be watched" if ran_short(observer) else None


def ran_short(observer: BaseObserver) -> bool:
    return bool(getattr(observer, "ran_short", False))


def native_observer(mark_lost: Callable[[], None]) -> BaseObserver:
    """The system's own observer. It calls `mark_lost` when the system reports lost events."""
    if sys.platform == "linux":
        from daemon.intake.watch.inotify import OwnInotifyObserver

        return OwnInotifyObserver(mark_lost)
    if sys.platform == "darwin":
        from daemon.intake.watch.fsevents import LossTellingObserver

        return LossTellingObserver(mark_lost)
    from watchdog.observers import Observer

    return Observer()
