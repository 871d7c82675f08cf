"""Keeps a Mac from falling asleep over its work, while it is on mains power."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Callable
from typing import Protocol

from loguru import logger


class Assertion(Protocol):
    """What is needed of subprocess.Popen."""

    def terminate(self) -> None: ...

    def wait(self, timeout: float | None = None) -> int: ...


class SleepInhibitor:
    """Holds `caffeinate`, or nothing: `assert_` starts one that also ends with this process."""

    def __init__(self, assert_: Callable[[], Assertion | None]) -> None:
        self._assert = assert_
        self._held: Assertion | None = None
        self._is_asked = False

    def hold(self, wanted: bool) -> None:
        """Asked often. What the system does not grant is not asked for again until it was not wanted for a while."""
        if wanted and not self._is_asked:
            self._held = self._assert()
        elif not wanted and self._held is not None:
            self._held.terminate()
            self._held.wait()
            self._held = None
        self._is_asked = wanted


def caffeinate() -> Assertion | None:
    """Against idle sleep alone: a closed lid and a person's wish still count. See caffeinate(8)."""
    if platform.system() != "Darwin":
        return None
    try:
        return subprocess.Popen(["/usr/bin/caffeinate", "-i", "-w", str(os.getpid())], stdin=subprocess.DEVNULL)
    except OSError as error:
        logger.warning("The machine may fall asleep over the work: {}", error)
        return None
