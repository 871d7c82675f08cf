"""The features of tiles that were encoded: in memory, and behind it on disk. The least recently used are dropped.

A key stands for everything that the features depend on: the tile's pixels, the weights, precision and device. So the
cached features are bit for bit those that the model would compute. A thread of its own writes the files.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from dataclasses import dataclass

from loguru import logger

from daemon.inference.features.feature_files import FeatureFiles

MEMORY_BYTES = 256 * 1024**2
DISK_BYTES = 2 * 1000**3
#: Features that wait to be written. If the drive is slower than the model, the others are kept in memory alone.
MAX_WAITING = 512
#: How long the end waits for the thread.
GRACE_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class CacheUsage:
    """Sizes in bytes; tiles that were found and not found since the model was loaded."""

    memory_bytes: int = 0
    disk_bytes: int = 0
    hits: int = 0
    misses: int = 0


class FeatureCache:
    """For any threads. Without `files`, features are kept in memory alone."""

    def __init__(self, files: FeatureFiles | None = None, *, max_bytes: int = MEMORY_BYTES) -> None:
        self._files, self._max_bytes = files, max_bytes
        self._held: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = self._hits = self._misses = 0
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._changed = threading.Condition()
        self._is_over = self._is_failing = False
        self._thread: threading.Thread | None = None

    @property
    def usage(self) -> CacheUsage:
        with self._changed:
            return CacheUsage(
                memory_bytes=self._bytes,
                disk_bytes=self._files.nbytes if self._files else 0,
                hits=self._hits,
                misses=self._misses,
            )

    def get(self, key: str) -> bytes | None:
        """The features, or None."""
        with self._changed:
            features = self._held.get(key)
        if features is None and self._files is not None:
            features = self._files.read(key)
        with self._changed:
            if features is None:
                self._misses += 1
            else:
                self._hits += 1
                self._hold(key, features)
        return features

    def put(self, key: str, features: bytes) -> None:
        """Keep features that were computed. They are written to disk later."""
        with self._changed:
            self._hold(key, features)
            if self._files is None or self._is_over or len(self._waiting) >= MAX_WAITING:
                return
            self._waiting.append((key, features))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="features", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def close(self) -> None:
        """Write what waits, as far as the grace period allows, and free the memory. Can be used again afterwards."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(GRACE_SECONDS)
        with self._changed:
            self._waiting.clear()
            self._held.clear()
            self._bytes, self._thread, self._is_over = 0, None, False

    def _hold(self, key: str, features: bytes) -> None:
        self._bytes += len(features) - len(self._held.pop(key, b""))
        self._held[key] = features
        while self._bytes > self._max_bytes:
            _, dropped = self._held.popitem(last=False)
            self._bytes -= len(dropped)

    def _run(self) -> None:
        while (taken := self._take()) is not None:
            try:
                if self._files is not None:
                    self._files.write(*taken)
                self._is_failing = False
            except OSError as error:
                if not self._is_failing:
                    logger.warning("Image features cannot be written: {}", error)
                self._is_failing = True

    def _take(self) -> tuple[str, bytes] | None:
        """Waits for the next features to write; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_over)
            return self._waiting.popleft() if self._waiting else None
