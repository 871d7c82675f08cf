"""Events of the inbox, queued until the intake takes them.

An observer's threads only append to the queue, so they never block.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass

from watchdog.events import EVENT_TYPE_DELETED, EVENT_TYPE_MOVED, FileSystemEvent, FileSystemEventHandler

MAX_PATHS = 10_000


@dataclass(frozen=True)
class NameFreed:
    """The file or folder at the path was deleted, or moved `to` another path. Another may be there since."""

    path: bytes
    to: bytes | None
    is_folder: bool


class WatchEvents:
    """The paths of events since the last `take`. Thread-safe and bounded: too many become one sweep.

    `wake` is called whenever there is something to take; it must not block or raise.
    """

    def __init__(self, wake: Callable[[], None] = lambda: None) -> None:
        self._wake = wake
        self._lock = threading.Lock()
        self._paths: dict[bytes, None] = {}
        self._freed: list[NameFreed] = []
        self._lost = False

    def add(self, path: bytes) -> None:
        with self._lock:
            self._paths[path] = None
            if len(self._paths) > MAX_PATHS:
                self._paths.clear()
                self._lost = True
        self._wake()

    def add_freed(self, left: NameFreed) -> None:
        with self._lock:
            self._freed.append(left)
            if len(self._freed) > MAX_PATHS:
                self._freed.clear()
                self._lost = True
        self._wake()

    def mark_lost(self) -> None:
        """Events were lost: a sweep is needed."""
        with self._lock:
            self._lost = True
        self._wake()

    def take(self) -> tuple[list[bytes], bool]:
        """The paths in the order of their events, and whether events were lost."""
        with self._lock:
            taken, lost = list(self._paths), self._lost
            self._paths.clear()
            self._lost = False
        return taken, lost

    def take_freed(self) -> list[NameFreed]:
        """The names that were freed since. Call it before `take`, which returns whether events were lost."""
        with self._lock:
            taken, self._freed = self._freed, []
        return taken

    @property
    def is_empty(self) -> bool:
        with self._lock:
            return not self._paths and not self._lost


class EventQueue(FileSystemEventHandler):
    """Queues the paths of all events. It must not raise: that would silently end the observer's thread.

    FSEvents names files below the root as the disk spells it (/Users/ann/SmolWatch), which on a Mac may differ from
    `root` in case and in the form of accents. `on_disk` is the root in that spelling; it is replaced by `root`.
    """

    def __init__(self, events: WatchEvents, root: bytes = b"", on_disk: bytes = b"") -> None:
        self._events = events
        self._root, self._on_disk = root, on_disk

    def on_any_event(self, event: FileSystemEvent) -> None:
        for path in (event.src_path, event.dest_path):
            if path:
                self._events.add(self._below_root(os.fsencode(path)))
        if event.event_type in (EVENT_TYPE_DELETED, EVENT_TYPE_MOVED):
            to = self._below_root(os.fsencode(event.dest_path)) if event.dest_path else None
            self._events.add_freed(NameFreed(self._below_root(os.fsencode(event.src_path)), to, event.is_directory))

    def _below_root(self, path: bytes) -> bytes:
        is_below = path == self._on_disk or path.startswith(self._on_disk + b"/")
        return self._root + path[len(self._on_disk) :] if is_below else path
