"""A machine's power and thermal state, parsed from what the system reports. Pure.

Sources: pmset(1) and notify(3) of macOS; the kernel's documentation of /sys/class/power_supply and platform_profile.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

#: macOS's levels of thermal pressure: 0 nominal, 1 moderate, 2 heavy, 3 trapping, 4 sleeping. From 2 on it throttles.
HEAVY = 2


class PowerSource(StrEnum):
    """A UPS counts as mains: what feeds it is not known."""

    MAINS = "mains"
    BATTERY = "battery"


@dataclass(frozen=True, kw_only=True)
class PowerState:
    """`source` is None where the system does not report it."""

    source: PowerSource | None = None
    is_saving: bool = False
    is_hot: bool = False


def mac_source(batteries: str) -> PowerSource | None:
    """From the output of `pmset -g batt`, which begins: Now drawing from 'AC Power'."""
    drawn = re.search(r"drawing from '([^']*)'", batteries)
    if drawn is None:
        return None
    return PowerSource.BATTERY if drawn[1] == "Battery Power" else PowerSource.MAINS


def mac_is_saving(settings: str) -> bool:
    """Low Power Mode, from the output of `pmset -g`.

    A Mac with three modes (M1 Max, M2 Pro and later) prints `powermode` instead: 0 automatic, 1 low, 2 high.
    """
    return re.search(r"^\s*(low ?)?power ?mode\s+1\b", settings, re.MULTILINE | re.IGNORECASE) is not None


def mac_is_hot(pressure: str) -> bool:
    """From the output of `notifyutil -g com.apple.system.thermalpressurelevel`, which ends with the level."""
    level = re.search(r"(\d+)\s*$", pressure)
    return level is not None and int(level[1]) >= HEAVY


def linux_source(supplies: Sequence[Mapping[str, str]]) -> PowerSource | None:
    """From the files in each folder of /sys/class/power_supply. Batteries of mice and keyboards do not count."""
    own = [supply for supply in supplies if supply.get("scope", "System") == "System"]
    mains = [supply for supply in own if supply.get("type") in ("Mains", "USB", "Wireless", "UPS")]
    batteries = [supply for supply in own if supply.get("type") == "Battery"]
    if any(supply.get("online") == "1" for supply in mains):
        return PowerSource.MAINS
    if any(supply.get("status") == "Discharging" for supply in batteries):
        return PowerSource.BATTERY
    return PowerSource.MAINS if mains or batteries else None
