"""How fast to work, as power and heat have it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from daemon.power.power_state import PowerState, Source


class Pace(StrEnum):
    """SLOW: rests as long as it works. PAUSED: what is in hand is finished, and nothing new is begun."""

    FULL = "full"
    SLOW = "slow"
    PAUSED = "paused"


@dataclass(frozen=True)
class Manners:
    """A pace and, for people, why."""

    pace: Pace
    reason: str = ""


def manners_for(state: PowerState) -> Manners:
    if state.is_saving:
        return Manners(Pace.PAUSED, "Paused while the machine saves power (Low Power Mode).")
    if state.is_hot:
        return Manners(Pace.PAUSED, "Paused until the machine has cooled down.")
    if state.source is Source.BATTERY:
        return Manners(Pace.SLOW, "Slow while the machine runs on its battery.")
    return Manners(Pace.FULL)
