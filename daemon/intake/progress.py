"""What status shows of the intake."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass
class Progress:
    """`problem` and `advice` are sentences, empty while all is well; `settling` counts files that are waited for.

    `rescan` is what came of the last one that a person asked for.
    """

    watching: bool = False
    observer: str = "none"
    problem: str = ""
    advice: str = ""
    last_sweep: datetime | None = None
    seen: int = 0
    settling: int = 0
    rescan: dict[str, object] = field(default_factory=dict)

    def record(self) -> dict[str, object]:
        return {
            "watching": self.watching,
            "observer": self.observer,
            "problem": self.problem,
            "advice": self.advice,
            "last_sweep": self.last_sweep.isoformat() if self.last_sweep else None,
            "seen": self.seen,
            "settling": self.settling,
            "rescan": self.rescan,
        }
