"""Sets the worker's pace by power and heat."""

from __future__ import annotations

from collections.abc import Callable

from loguru import logger

from daemon.clock import Clock
from daemon.power.power_state import PowerSource, PowerState
from daemon.power.sleep_inhibitor import SleepInhibitor
from daemon.power.throttle_policy import Pace, ThrottlePolicy, policy_for
from storage.status.values import PowerStatus

READ_SECONDS = 15.0
#: The longest rest after a step, so that a stop and a heartbeat are not delayed.
MAX_REST_SECONDS = 2.0

FULL = ThrottlePolicy(Pace.FULL)


class Throttle:
    """`read_power` is called every READ_SECONDS; `report` stores a change for status. Not polite: always full pace."""

    def __init__(
        self,
        read_power: Callable[[], PowerState],
        sleep_inhibitor: SleepInhibitor,
        clock: Clock,
        report: Callable[[PowerStatus], None],
        *,
        is_polite: bool = True,
    ) -> None:
        self._read_power = read_power
        self._sleep_inhibitor = sleep_inhibitor
        self._clock = clock
        self._report = report
        self._is_polite = is_polite
        self._due = 0.0
        self._reported: PowerStatus | None = None
        self.state = PowerState()
        self.policy = FULL

    def pace(self) -> Pace:
        """The current pace."""
        if self._clock.monotonic() >= self._due:
            self._due = self._clock.monotonic() + READ_SECONDS
            self.state = self._read_power()
            self.policy = policy_for(self.state) if self._is_polite else FULL
            self._report_change()
        return self.policy.pace

    def work(self, busy: bool) -> None:
        """`busy`: there is work; then a machine on mains power stays awake."""
        self._sleep_inhibitor.hold(busy and self.state.source is PowerSource.MAINS)

    def rest(self, worked: float) -> float:
        """Seconds to rest after `worked` seconds of work."""
        return min(worked, MAX_REST_SECONDS) if self.policy.pace is Pace.SLOW else 0.0

    def _report_change(self) -> None:
        source = self.state.source
        status = PowerStatus(
            pace=str(self.policy.pace),
            reason=self.policy.reason or None,
            source=None if source is None else str(source),
        )
        if status != self._reported:
            self._reported = status
            self._report(status)
            if self.policy.reason:
                logger.info("{}", self.policy.reason)
