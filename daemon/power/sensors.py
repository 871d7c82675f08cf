"""Reads the machine's power and thermal state. What cannot be read counts as normal."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
from loguru import logger

from daemon.power.power_state import PowerState, linux_source, mac_is_hot, mac_is_saving, mac_source

TIMEOUT_SECONDS = 5.0
SUPPLIES = Path("sys/class/power_supply")
PROFILE = Path("sys/firmware/acpi/platform_profile")
#: Hot: this close to a sensor's critical temperature, degrees Celsius.
NEAR_CRITICAL = 5.0

RunCommand = Callable[..., str]


def read_power() -> PowerState:
    return read_mac(command_output) if platform.system() == "Darwin" else read_linux(Path("/"), sensor_temperatures())


def read_mac(run: RunCommand) -> PowerState:
    return PowerState(
        source=mac_source(run("pmset", "-g", "batt")),
        is_saving=mac_is_saving(run("pmset", "-g")),
        is_hot=mac_is_hot(run("notifyutil", "-g", "com.apple.system.thermalpressurelevel")),
    )


def read_linux(root: Path, sensors: Sequence[tuple[float, float]]) -> PowerState:
    """`sensors`: current and critical temperature of each, degrees Celsius."""
    supplies = sorted((root / SUPPLIES).glob("*"))
    facts = [{name: read_word(supply / name) for name in ("type", "scope", "online", "status")} for supply in supplies]
    return PowerState(
        source=linux_source([{name: value for name, value in supply.items() if value} for supply in facts]),
        is_saving=read_word(root / PROFILE) == "low-power",
        is_hot=any(now >= critical - NEAR_CRITICAL for now, critical in sensors),
    )


def read_word(file: Path) -> str:
    """The content of a file of /sys; empty where there is none."""
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def sensor_temperatures() -> list[tuple[float, float]]:
    """Of the sensors with a critical temperature."""
    try:
        found = psutil.sensors_temperatures()
    except (AttributeError, OSError):
        return []
    return [(sensor.current, sensor.critical) for sensors in found.values() for sensor in sensors if sensor.critical]


def command_output(*command: str) -> str:
    """The standard output of a system program; empty where it fails or does not end in time."""
    try:
        completed = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        logger.debug("{} did not answer: {}", command[0], error)
        return ""
    return completed.stdout.decode(errors="replace")
