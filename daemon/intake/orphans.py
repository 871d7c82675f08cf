"""Orphans: sidecars whose file is gone. Counted, and removed if the setting says so and they are unedited."""

from __future__ import annotations

from collections.abc import Callable, Set
from datetime import timedelta
from pathlib import Path

from loguru import logger

from daemon.clock import Clock
from storage.library import Library
from storage.sidecars import cleanup, presence
from storage.sidecars.places import SidecarPlaces

#: Enough for a folder that is moved out and back, a sync program that deletes first, and a deletion that is undone.
GRACE = timedelta(hours=1)
#: Removed per call at most.
MAX_REMOVED = 1000
#: Between two updates without a sweep: this many times the duration of one.
PAUSE_SHARE = 10


class Orphans:
    """Of one inbox. `removes`: the setting output.orphans. `places`: where its sidecars belong.

    `is_gone`: whether a path's file is gone, rather than inaccessible. `is_inside`: whether a path is in this inbox.
    """

    def __init__(
        self,
        library: Library,
        clock: Clock,
        mirror: Path,
        places: SidecarPlaces,
        *,
        removes: bool,
        is_gone: Callable[[bytes], bool],
        is_inside: Callable[[bytes], bool],
    ) -> None:
        self._library = library
        self._clock = clock
        self._mirror = mirror
        self._places = places
        self._is_inside = is_inside
        self._removes = removes
        self._is_gone = is_gone
        self._has_sidecars: dict[int, bool] = {}
        self._tried: set[int] = set()
        self._is_due = False
        self._due = 0.0

    @property
    def count(self) -> int:
        """The number of missing files that still have a sidecar."""
        return sum(self._has_sidecars.values())

    def request(self) -> None:
        """Files went away or came back: update soon."""
        self._is_due = True

    def update_if_due(self) -> None:
        if self._is_due and self._clock.monotonic() >= self._due:
            self.look(None)

    def look(self, names: Set[bytes] | None) -> None:
        """`names`: the sidecars that a sweep has just found. Without them, only new orphans are searched on disk."""
        began = self._clock.monotonic()
        missing = [(id, path, since) for id, path, since in self._library.missing() if self._is_inside(path)]
        self._has_sidecars = {id: self._look_for_sidecars(id, path, names) for id, path, _ in missing}
        if self._removes and names is not None:
            before = self._clock.now() - GRACE
            due = [
                id for id, _, since in missing if since <= before and self._has_sidecars[id] and id not in self._tried
            ]
            self._remove(due[:MAX_REMOVED])
        self._is_due = False
        self._due = began + (1 + PAUSE_SHARE) * (self._clock.monotonic() - began)

    def _look_for_sidecars(self, id: int, path: bytes, names: Set[bytes] | None) -> bool:
        if names is not None:
            return presence.any_exists(path, names, self._places)
        known = self._has_sidecars.get(id)
        return presence.any_exists_on_disk(path, self._mirror, self._places) if known is None else known

    def _remove(self, job_ids: list[int]) -> None:
        removed = 0
        for id in job_ids:
            self._tried.add(id)
            description = self._library.description(id)
            if description is not None and self._is_gone(description.path):
                removed += cleanup.discard(description, self._mirror, self._places)
                left = presence.any_exists_on_disk(description.path, self._mirror, self._places)
                self._has_sidecars[id] = left
        if removed:
            logger.info("Removed {} sidecars whose files have been gone for more than an hour", removed)
