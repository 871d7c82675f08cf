"""Reports the intake's status when it changes."""

from __future__ import annotations

from collections.abc import Callable

from loguru import logger

from config.errors import SmolwatchError
from storage.status.inbox_values import IntakeStatus

#: Status is stored at most this often.
REPORT_SECONDS = 1.0


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
        self._try_report(status)

    def report_last(self, status: IntakeStatus) -> None:
        """Report a change at once: the intake ends, and this is what is stored until the next start."""
        if status != self._reported:
            self._try_report(status)

    def _try_report(self, status: IntakeStatus) -> None:
        try:
            self._report(status)
            self._reported, self.is_behind = status, False
        except SmolwatchError as error:
            logger.debug("The intake's status cannot be stored: {}", error)  # `report` logs the cause
