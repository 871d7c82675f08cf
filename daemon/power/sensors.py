"""Asks the machine for its power and heat. What cannot be learned is taken to be well."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
from loguru import logger

from daemon.power.power_state import PowerState, linux_source, mac_is_hot, mac_is_saving, mac_source

PATIENCE_SECONDS = 5.0
SUPPLIES = Path("sys/class/power_supply")
PROFILE = Path("sys/firmware/acpi/platform_profile")
#: As near to the temperature at which a sensor would switch the machine off, degrees Celsius.
NEAR_CRITICAL = 5.0

Say = Callable[..., str]


def read_power() -> PowerState:
    return read_mac(said) if platform.system() == "Darwin" else read_linux(Path("/"), temperatures())


def read_mac(say: Say) -> PowerState:
    return PowerState(
        source=mac_source(say("pmset", "-g", "batt")),
        is_saving=mac_is_saving(say("pmset", "-g")),
        is_hot=mac_is_hot(say("notifyutil", "-g", "com.apple.system.thermalpressurelevel")),
    )


def read_linux(root: Path, sensors: Sequence[tuple[float, float]]) -> PowerState:
    """`sensors`: what each measures and what is critical for it, degrees Celsius."""
    supplies = sorted((root / SUPPLIES).glob("*"))
    facts = [{name: word(supply / name) for name in ("type", "scope", "online", "status")} for supply in supplies]
    return PowerState(
        source=linux_source([{name: value for name, value in one.items() if value} for one in facts]),
        is_saving=word(root / PROFILE) == "low-power",
        is_hot=any(now >= critical - NEAR_CRITICAL for now, critical in sensors),
    )


def word(file: Path) -> str:
    """The one word in a file of /sys; empty where there is none."""
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def temperatures() -> list[tuple[float, float]]:
    """Of the sensors that know what is critical for them."""
    try:
        found = psutil.sensors_temperatures()
    except (AttributeError, OSError):
        return []
    return [(one.current, one.critical) for sensors in found.values() for one in sensors if one.critical]


def said(*command: str) -> str:
    """What a program of the system says; empty where it cannot be asked."""
    try:
        asked = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        logger.debug("{} did not answer: {}", command[0], error)
        return ""
    return asked.stdout.decode(errors="replace")
