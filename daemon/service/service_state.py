"""The state of the service, for launchd and systemd alike."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class RunState(StrEnum):
    NOT_INSTALLED = "not installed"
    STOPPED = "stopped"
    RUNNING = "running"
    FAILED = "failed"


@dataclass(frozen=True)
class ServiceState:
    """The service at one moment. `exit_code` is that of its last end, negative for a signal; None: it never ended.

    `domain`: "gui/501", "user/501", or "user" for systemd. `program`: what the unit file starts. `detail`: the state in
    the system's own terms.
    """

    condition: RunState
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
        return self.condition is not RunState.NOT_INSTALLED

    @property
    def running(self) -> bool:
        return self.condition is RunState.RUNNING


def condition_of(*, installed: bool, pid: int | None, exit_code: int | None) -> RunState:
    if pid is not None:
        return RunState.RUNNING
    if not installed:
        return RunState.NOT_INSTALLED
    return RunState.FAILED if exit_code else RunState.STOPPED
