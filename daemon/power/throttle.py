"""Watches power and heat while the worker works, and says at which pace it may."""

from __future__ import annotations

from collections.abc import Callable

from loguru import logger

from daemon.clock import Clock
from daemon.power.power_state import PowerSource, PowerState
from daemon.power.sleep_inhibitor import SleepInhibitor
from daemon.power.throttle_policy import Pace, ThrottlePolicy, manners_for

LOOK_SECONDS = 15.0
#: The longest rest after a step, so that a stop and a beat are not kept waiting.
LONGEST_REST = 2.0

FULL = ThrottlePolicy(Pace.FULL)


class Throttle:
    """`look` reads the machine; `report` writes a change down for status. Who is not polite has one pace: full."""

    def __init__(
        self,
        look: Callable[[], PowerState],
        awake: SleepInhibitor,
        clock: Clock,
        report: Callable[[dict[str, object]], None],
        *,
        is_polite: bool = True,
    ) -> None:
        self._look = look
        self._awake = awake
        self._clock = clock
        self._report = report
        self._is_polite = is_polite
        self._due = 0.0
        self._told: dict[str, object] | None = None
        self.state = PowerState()
        self.manners = FULL

    def pace(self) -> Pace:
        """As things stand; they are looked at now and then."""
        if self._clock.monotonic() >= self._due:
            self._due = self._clock.monotonic() + LOOK_SECONDS
            self.state = self._look()
            self.manners = manners_for(self.state) if self._is_polite else FULL
            self._tell()
        return self.manners.pace

    def work(self, busy: bool) -> None:
        """Says whether anything is in hand: then a machine on mains power stays awake."""
        self._awake.hold(busy and self.state.source is PowerSource.MAINS)

    def rest(self, worked: float) -> float:
        """Seconds to rest after so many of work."""
        return min(worked, LONGEST_REST) if self.manners.pace is Pace.SLOW else 0.0

    def _tell(self) -> None:
        told: dict[str, object] = {"pace": str(self.manners.pace)}
        if self.manners.reason:
            told["reason"] = self.manners.reason
        if self.state.source is not None:
            told["source"] = str(self.state.source)
        if told != self._told:
            self._told = told
            self._report(told)
            if self.manners.reason:
                logger.info("{}", self.manners.reason)
