"""When a file counts as complete. Pure: the stat and the time are passed in.

A file has settled when it was observed at least twice with the same size, times and inode, `quiet_seconds` apart, and
nothing else indicates that it is incomplete.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import NamedTuple

from daemon.media.safe_open import is_dataless

#: Birth times that the Finder gives a file until its copy is complete: kMagicBusyCreationDate of Carbon's headers
#: (1946), and those that macOS's own CloudDocs tests for (1904 and 1984).
FINDER_COPYING = frozenset(
    moment.timestamp()
    for moment in (
        datetime(1904, 1, 1, tzinfo=UTC),
        datetime(1946, 2, 14, 8, 34, 56, tzinfo=UTC),
        datetime(1984, 1, 24, 8, tzinfo=UTC),
    )
)


#: Network volumes report coarse and late times: the minimum for them.
NETWORK_SETTLE_SECONDS = 5.0


class FileState(NamedTuple):
    """What must not change while a file settles."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, stat: os.stat_result) -> FileState:
        return cls(stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


@dataclass(frozen=True)
class Waiting:
    """Why a file is not admitted yet (code, sentence)."""

    code: str
    reason: str


COPYING = Waiting("copying", "Waiting: the Finder is still copying the file.")
NOT_DOWNLOADED = Waiting(
    "not-downloaded", "Waiting: not downloaded. The file is in the cloud, and reading it here would fetch it."
)
BEING_WRITTEN = Waiting("being-written", "Waiting: the file is still being written.")


@dataclass(slots=True)
class Observation:
    state: FileState
    since: float
    samples: int
    waiting: Waiting | None


class Settling:
    """Observes paths until they are admitted or forgotten. Not thread-safe: one thread owns it."""

    def __init__(self, quiet_seconds: float) -> None:
        self.quiet_seconds = quiet_seconds
        self._sightings: dict[bytes, Observation] = {}

    @property
    def unsettled(self) -> int:
        """The number of files that will settle. Those that must be downloaded first do not count."""
        return sum(seen.waiting is not NOT_DOWNLOADED for seen in self._sightings.values())

    def paths(self) -> list[bytes]:
        return list(self._sightings)

    def observe(self, path: bytes, stat: os.stat_result, now: float, *, young: bool = True) -> Waiting | None:
        """Record one observation. Returns what the file waits for, other than the quiet time.

        `young`: the file changed a moment ago (`daemon.retry_policy.is_young`).
        """
        state = FileState.of(stat)
        seen = self._sightings.get(path)
        waiting = incomplete_reason(stat, young)
        if seen is None:
            self._sightings[path] = Observation(state, now, 1, waiting)
            return waiting
        if seen.state == state and seen.waiting == waiting:
            seen.samples += 1
            return waiting
        grew = seen.state != state
        self._sightings[path] = Observation(state, now, 1, waiting)
        return waiting or (BEING_WRITTEN if grew else None)

    def due(self, now: float, most: int | None = None) -> list[bytes]:
        """The settled paths, first observed first; they remain until forgotten."""
        return list(islice((path for path, seen in self._sightings.items() if self._is_still(seen, now)), most))

    def is_due(self, path: bytes, now: float) -> bool:
        seen = self._sightings.get(path)
        return seen is not None and self._is_still(seen, now)

    def forget(self, path: bytes) -> None:
        self._sightings.pop(path, None)

    def _is_still(self, seen: Observation, now: float) -> bool:
        return seen.waiting is None and seen.samples >= 2 and now - seen.since >= self.quiet_seconds


def quiet_seconds(chosen: float, network: str | None) -> float:
    """How long a file must be unchanged; `network`: the kind of its network volume, if it is on one."""
    return max(chosen, NETWORK_SETTLE_SECONDS) if network else chosen


def incomplete_reason(stat: os.stat_result, young: bool) -> Waiting | None:
    """The system's own sign of an incomplete file; None without one.

    A complete file may keep the Finder's birth time for ever: then it is no longer young.
    """
    if young and getattr(stat, "st_birthtime", None) in FINDER_COPYING:
        return COPYING
    if is_dataless(stat):
        return NOT_DOWNLOADED
    return None
