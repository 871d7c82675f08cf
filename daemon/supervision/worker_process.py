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
    """`started`: monotonic. `model`: whose jobs it describes; None: those without one of their own.

    `is_connected` until it closes its end of the pipe. `kill_reason`: why we killed it. `has_answered`: it has
    described a file. `is_woken`: it was ordered to wake, and has not begun yet. `end_note`: why it was ordered to stop,
    while the daemon goes on.
    """

    process: SpawnProcess
    pipe: Connection
    started: float
    model: str | None = None
    is_connected: bool = True
    kill_reason: str | None = None
    has_answered: bool = False
    stage: Stage = Stage.LOADING
    is_woken: bool = False
    end_note: str | None = None

    @property
    def is_idle(self) -> bool:
        return self.stage in (Stage.IDLE, Stage.BLOCKED)


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
