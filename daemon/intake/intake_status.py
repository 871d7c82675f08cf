"""The intake's part of the status, as it changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from loguru import logger

from config.errors import SmolwatchError
from storage.status.values import IntakeStatus

#: Status is stored at most this often.
REPORT_SECONDS = 1.0


@dataclass
class CurrentStatus:
    """The fields of `IntakeStatus`, which the intake sets."""

    watching: bool = False
    observer: str = "none"
    problem: str = ""
    advice: str = ""
    last_sweep: datetime | None = None
    seen: int = 0
    settling: int = 0
    orphans: int = 0
    rescan: Mapping[str, Any] = field(default_factory=dict)

    def to_status(self) -> IntakeStatus:
        return IntakeStatus(
            watching=self.watching,
            observer=self.observer,
            problem=self.problem,
            advice=self.advice,
            last_sweep=self.last_sweep,
            seen=self.seen,
            settling=self.settling,
            orphans=self.orphans,
            rescan=self.rescan,
        )


class StatusReporter:
    """Reports changes, with a minimum interval. `is_behind`: a change is not reported yet."""

    def __init__(self, report: Callable[[IntakeStatus], None]) -> None:
        self._report = report
        self._reported: IntakeStatus | None = None
        self._due = 0.0
        self.is_behind = False

    def report_if_due(self, status: IntakeStatus, now: float) -> None:
        """`now` is monotonic."""
        self.is_behind = status != self._reported
        if not self.is_behind or now < self._due:
            return
        self._due = now + REPORT_SECONDS
        try:
            self._report(status)
            self._reported, self.is_behind = status, False
        except SmolwatchError as error:
            logger.debug("The intake's status cannot be stored: {}", error)  # `report` logs the cause
