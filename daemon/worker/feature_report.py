"""Reports what the engine keeps of image features, for `smolwatch status`."""

from __future__ import annotations

from collections.abc import Callable

from daemon.clock import Clock
from daemon.inference.features.feature_cache import CacheUsage
from storage.status.values import FeatureCacheStatus

#: Changes are reported this often at most: a report makes the drive write.
REPORT_SECONDS = 10.0


class FeatureReport:
    """`usage` is that of the loaded engine."""

    def __init__(
        self, usage: Callable[[], CacheUsage], post: Callable[[FeatureCacheStatus], None], clock: Clock
    ) -> None:
        self._usage, self._post, self._clock = usage, post, clock
        self._reported = CacheUsage()
        self._due = 0.0

    def update(self) -> None:
        """Report the usage if it has changed. Raises StorageError."""
        if self._clock.monotonic() < self._due or (usage := self._usage()) in (self._reported, CacheUsage()):
            return
        self._reported, self._due = usage, self._clock.monotonic() + REPORT_SECONDS
        self._post(
            FeatureCacheStatus(
                memory_bytes=usage.memory_bytes, disk_bytes=usage.disk_bytes, hits=usage.hits, misses=usage.misses
            )
        )
