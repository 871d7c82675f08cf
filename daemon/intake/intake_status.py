"""The intake's part of the status."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from loguru import logger

from config.errors import SmolwatchError

#: Status is stored at most this often.
REPORT_SECONDS = 1.0


@dataclass
class IntakeStatus:
    """`problem` and `advice` are sentences, or empty; `settling`: the number of unsettled files.

    `rescan`: the result of the last one that was requested. `orphans`: the number of missing files that still have
    sidecars.
    """

    watching: bool = False
    observer: str = "none"
    problem: str = ""
    advice: str = ""
    last_sweep: datetime | None = None
    seen: int = 0
    settling: int = 0
    orphans: int = 0
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
            "orphans": self.orphans,
            "rescan": self.rescan,
        }


class StatusReporter:
    """Reports changes, with a minimum interval. `is_behind`: a change is not reported yet."""

    def __init__(self, report: Callable[[dict[str, object]], None]) -> None:
        self._report = report
        self._reported: dict[str, object] = {}
        self._due = 0.0
        self.is_behind = False

    def report_if_due(self, record: dict[str, object], now: float) -> None:
        """`now` is monotonic."""
        self.is_behind = record != self._reported
        if not self.is_behind or now < self._due:
            return
        self._due = now + REPORT_SECONDS
        try:
            self._report(record)
            self._reported, self.is_behind = record, False
        except SmolwatchError as error:
            logger.debug("The intake's status cannot be stored: {}", error)  # `report` logs the cause
