"""One worker process as its supervisor knows it, and why it ended."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

import psutil

from daemon.messages import Stage


@dataclass
class WorkerProcess:
    """`started`: monotonic. `is_connected` until it closes its end of the pipe. `kill_reason`: why we killed it.

    `has_answered`: it has described a file. `is_woken`: it was ordered to wake, and has not begun yet. `is_ending`: it
    was ordered to stop, since it is idle.
    """

    process: SpawnProcess
    pipe: Connection
    started: float
    is_connected: bool = True
    kill_reason: str | None = None
    has_answered: bool = False
    stage: Stage = Stage.LOADING
    is_woken: bool = False
    is_ending: bool = False

    @property
    def is_busy(self) -> bool:
        return self.stage is not Stage.IDLE or self.is_ending


def is_suspended(process: SpawnProcess) -> bool:
    """Whether a signal (SIGSTOP) has suspended it: it lives and does nothing."""
    try:
        return psutil.Process(process.pid).status() == psutil.STATUS_STOPPED
    except psutil.Error:
        return False


def end_reason_of(code: int) -> str:
    """Why a worker process ended, as a sentence."""
    if code == 0:
        return "The worker was replaced: its memory had grown."
    if code >= 0:
        return f"The worker exited with code {code}."
    hint = " (out of memory?)" if -code == signal.SIGKILL else ""
    return f"The worker was killed by signal {-code}{hint}."
