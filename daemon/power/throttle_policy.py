"""How fast to work, by power and heat. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from daemon.power.power_state import PowerSource, PowerState


class Pace(StrEnum):
    """SLOW: rests as long as it works. PAUSED: finishes what is under way and begins nothing new."""

    FULL = "full"
    SLOW = "slow"
    PAUSED = "paused"


@dataclass(frozen=True)
class ThrottlePolicy:
    """A pace, and the reason as a sentence for the user."""

    pace: Pace
    reason: str = ""


def policy_for(state: PowerState) -> ThrottlePolicy:
    if state.is_saving:
        return ThrottlePolicy(Pace.PAUSED, "Paused while the machine saves power (Low Power Mode).")
    if state.is_hot:
        return ThrottlePolicy(Pace.PAUSED, "Paused until the machine has cooled down.")
    if state.source is PowerSource.BATTERY:
        return ThrottlePolicy(Pace.SLOW, "Slow on battery: it works half the time.")
    return ThrottlePolicy(Pace.FULL)
