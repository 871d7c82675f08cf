"""A rescan on request: the inbox is listed at once, and with `compare` its described files are read.

The command line writes a request into the database, the daemon's main loop reads it there, and the result is part of
the intake's status. All requests share one row: a later one replaces an earlier one, and answers its caller too.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import asdict, dataclass, field
from queue import SimpleQueue
from typing import Any

from daemon.intake.admitter import AdmitResult

#: Key of the request in the database.
REQUEST_KEY = "rescan"


@dataclass(frozen=True)
class RescanRequest:
    """`daemon_pid`: the daemon that should answer; its successor does not."""

    id: str
    compare: bool
    daemon_pid: int | None = None

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> RescanRequest:
        return cls(str(record.get("id", "")), bool(record.get("compare")), record.get("daemon_pid"))

    def record(self) -> dict[str, object]:
        return asdict(self)


@dataclass
class Rescan:
    """A request and its progress. `left`: the paths still to be read. Without an id there was no request."""

    id: str = ""
    compare: bool = False
    left: set[bytes] = field(default_factory=set)
    seen: int | None = None
    compared: int = 0
    changed: int = 0
    restored: int = 0

    @property
    def is_new(self) -> bool:
        """There is a request, and the inbox was not listed since."""
        return bool(self.id) and self.seen is None

    def replace(self, earlier: Rescan) -> None:
        """Take over the comparison that an earlier request has not finished: its caller waits for this one now."""
        if earlier.is_new:
            self.compare = self.compare or earlier.compare
        elif earlier.left and not self.compare:
            self.compare, self.left = True, earlier.left
            self.compared, self.changed = earlier.compared, earlier.changed

    def listed(self, present: Set[bytes], unread: Set[bytes], restored: int = 0) -> None:
        """Only the first listing after the request counts.

        `unread`: those of `present` that are going to be read. `restored`: files whose sidecars were missing.
        """
        if self.is_new:
            self.seen = len(present)
            self.restored = restored
            if self.compare:
                self.left = self.left & unread if self.left else set(unread)

    def tick_off(self, path: bytes, outcome: AdmitResult) -> None:
        if path in self.left and outcome is not AdmitResult.AGAIN:
            self.left.discard(path)
            self.compared += outcome in {AdmitResult.KNOWN, AdmitResult.QUEUED, AdmitResult.CHANGED}
            self.changed += outcome is AdmitResult.CHANGED

    def skip(self, path: bytes) -> None:
        """The file cannot be read now: it went away, or is not complete."""
        self.left.discard(path)

    def record(self) -> dict[str, object]:
        """Empty before the inbox was listed."""
        if self.seen is None:
            return {}
        return {
            "id": self.id,
            "compare": self.compare,
            "seen": self.seen,
            "left": len(self.left),
            "compared": self.compared,
            "changed": self.changed,
            "restored": self.restored,
        }


class RescanQueue:
    """The current request, and those that came since. Any thread may call `put`."""

    def __init__(self) -> None:
        self._requests: SimpleQueue[Rescan] = SimpleQueue()
        self.current = Rescan()

    def put(self, request: Rescan) -> None:
        self._requests.put(request)

    def take(self) -> bool:
        """Make the newest request the current one; False if there is none."""
        before = self.current
        while not self._requests.empty():
            request = self._requests.get_nowait()
            request.replace(self.current)
            self.current = request
        return self.current is not before
