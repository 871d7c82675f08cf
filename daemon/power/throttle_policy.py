"""How fast to work, as power and heat have it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from daemon.power.power_state import PowerSource, PowerState


class Pace(StrEnum):
    """SLOW: rests as long as it works. PAUSED: what is in hand is finished, and nothing new is begun."""

    FULL = "full"
    SLOW = "slow"
    PAUSED = "paused"


@dataclass(frozen=True)
class ThrottlePolicy:
    """A pace and, for people, why."""

    pace: Pace
    reason: str = ""


def manners_for(state: PowerState) -> ThrottlePolicy:
    if state.is_saving:
        return ThrottlePolicy(Pace.PAUSED, "Paused while the machine saves power (Low Power Mode).")
    if state.is_hot:
        return ThrottlePolicy(Pace.PAUSED, "Paused until the machine has cooled down.")
    if state.source is PowerSource.BATTERY:
        return ThrottlePolicy(Pace.SLOW, "Slow while the machine runs on its battery.")
    return ThrottlePolicy(Pace.FULL)
