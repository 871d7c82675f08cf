"""Keeps a Mac from going to sleep during work."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Callable
from typing import Protocol

from loguru import logger


class Assertion(Protocol):
    """The part of subprocess.Popen that is used."""

    def terminate(self) -> None: ...

    def wait(self, timeout: float | None = None) -> int: ...


class SleepInhibitor:
    """Holds one assertion or none. `assert_` starts it; it must end with this process."""

    def __init__(self, assert_: Callable[[], Assertion | None]) -> None:
        self._assert = assert_
        self._held: Assertion | None = None
        self._was_wanted = False

    def hold(self, wanted: bool) -> None:
        """Called often. After a refusal of the system, it tries again only after a call with False."""
        if wanted and not self._was_wanted:
            self._held = self._assert()
        elif not wanted and self._held is not None:
            self._held.terminate()
            self._held.wait()
            self._held = None
        self._was_wanted = wanted


def caffeinate() -> Assertion | None:
    """Prevents idle sleep only, not sleep by a closed lid or on request. See the manual, caffeinate 8."""
    if platform.system() != "Darwin":
        return None
    try:
        return subprocess.Popen(["/usr/bin/caffeinate", "-i", "-w", str(os.getpid())], stdin=subprocess.DEVNULL)
    except OSError as error:
        logger.warning("The machine may go to sleep during work: {}", error)
        return None
