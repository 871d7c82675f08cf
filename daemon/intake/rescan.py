"""A rescan that a person asked for: the inbox is listed at once, and with `compare` its described files are read.

The command line leaves the wish in the database, the daemon's main loop finds it there, and what came of it is part of
the intake's state.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field

from daemon.intake.admitter import AdmitResult

#: Under which key the wish stands in the database: {"id": "…", "compare": true}.
WISH = "rescan"


@dataclass
class Rescan:
    """`left` are the paths still to be read. Without an id nobody asked."""

    id: str = ""
    compare: bool = False
    left: set[bytes] = field(default_factory=set)
    seen: int | None = None
    compared: int = 0
    changed: int = 0
    restored: int = 0

    @classmethod
    def wished(cls, wish: dict[str, object]) -> Rescan:
        return cls(id=str(wish.get("id", "")), compare=bool(wish.get("compare")))

    @property
    def is_new(self) -> bool:
        """Somebody asked for it, and the inbox was not listed since."""
        return bool(self.id) and self.seen is None

    def listed(self, present: Set[bytes], restored: int = 0) -> None:
        """The first list after the wish counts; later ones are the daemon's own. `restored`: files whose sidecars were
        missing."""
        if self.is_new:
            self.seen = len(present)
            self.restored = restored
            self.left = set(present) if self.compare else set()

    def tick_off(self, path: bytes, outcome: AdmitResult) -> None:
        if path in self.left and outcome is not AdmitResult.AGAIN:
            self.left.discard(path)
            self.compared += outcome in {AdmitResult.KNOWN, AdmitResult.QUEUED, AdmitResult.CHANGED}
            self.changed += outcome is AdmitResult.CHANGED

    def pass_over(self, path: bytes) -> None:
        """It cannot be read now: it went away, or is not all here."""
        self.left.discard(path)

    def record(self) -> dict[str, object]:
        if self.seen is None:
            return {}
        return {
            "id": self.id,
            "seen": self.seen,
            "left": len(self.left),
            "compared": self.compared,
            "changed": self.changed,
            "restored": self.restored,
        }
