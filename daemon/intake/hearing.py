"""What was heard of the inbox, kept until the intake asks.

What an observer hears goes in here and nowhere else, so that its threads never wait for anything.
"""

from __future__ import annotations

import os
import threading

from watchdog.events import FileSystemEvent, FileSystemEventHandler

MOST_PATHS = 10_000


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
    """Passes every path on. It must not raise: that would end the observer's thread without a word.

    FSEvents names files below the root as the disk spells it (/Users/ann/SmolWatch), which on a Mac may differ from
    `root` in case and in the form of accents. `on_disk` is that spelling; it is replaced by `root`.
    """

    def __init__(self, heard: Heard, root: bytes = b"", on_disk: bytes = b"") -> None:
        self._heard = heard
        self._root, self._on_disk = root, on_disk

    def on_any_event(self, event: FileSystemEvent) -> None:
        for path in (event.src_path, event.dest_path):
            if path:
                self._heard.add(self._below_root(os.fsencode(path)))

    def _below_root(self, path: bytes) -> bytes:
        is_below = path == self._on_disk or path.startswith(self._on_disk + b"/")
        return self._root + path[len(self._on_disk) :] if is_below else path
