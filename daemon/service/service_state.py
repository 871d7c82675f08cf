"""What is known of the service, whichever system runs it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Condition(StrEnum):
    NOT_INSTALLED = "not installed"
    STOPPED = "stopped"
    RUNNING = "running"
    FAILED = "failed"


@dataclass(frozen=True)
class ServiceState:
    """One look at the service. `exit_code` is that of its last end, negative for a signal; None: it never ended.

    `domain` is where it lives: "gui/501", "user/501", or "user" for systemd. `program` is what its definition starts.
    `detail` is the system's own word.
    """

    condition: Condition
    launcher: str
    name: str
    file: Path
    home: Path | None = None
    program: Path | None = None
    pid: int | None = None
    exit_code: int | None = None
    domain: str | None = None
    detail: str = ""

    @property
    def installed(self) -> bool:
        return self.condition is not Condition.NOT_INSTALLED

    @property
    def running(self) -> bool:
        return self.condition is Condition.RUNNING


def condition_of(*, installed: bool, pid: int | None, exit_code: int | None) -> Condition:
    if pid is not None:
        return Condition.RUNNING
    if not installed:
        return Condition.NOT_INSTALLED
    return Condition.FAILED if exit_code else Condition.STOPPED
