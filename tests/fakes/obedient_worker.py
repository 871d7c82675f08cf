"""A worker whose engine does what a picture's width tells it: it crashes, hangs, hoards memory, or takes its time.

It imports the worker only when it begins, since the daemon imports this.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from config.settings import Settings

if TYPE_CHECKING:
    from daemon.inference.engine import Engine

#: Widths of pictures. Any other is described as the echo engine does.
CRASH, KILLED, HANG, SLOW, HOARD, FAIL = 101, 103, 107, 109, 113, 127
SLOW_SECONDS = 60.0
#: What the log says when that begins.
ASLEEP = "The engine is asleep"
HOARD_BYTES = 50 * 1024**2


def begin_obedient_work(settings: Settings, line: Connection, launched_by: str) -> None:
    from daemon.worker import run_worker

    run_worker(settings, line, launched_by, make=make_obedient)


def make_obedient(settings: Settings) -> Engine:
    import os
    import time

    from loguru import logger

    from daemon.errors import EngineError
    from daemon.inference.echo_engine import EchoEngine
    from daemon.inference.engine import Reply, Request

    hoard: list[bytes] = []

    def hang() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # as C code that never comes back
        time.sleep(1000)

    def sleep() -> None:
        logger.info(ASLEEP)
        time.sleep(SLOW_SECONDS)

    control: dict[int, Callable[[], object]] = {
        CRASH: lambda: os.kill(os.getpid(), signal.SIGSEGV),
        KILLED: lambda: os.kill(os.getpid(), signal.SIGKILL),
        HANG: hang,
        SLOW: sleep,
        HOARD: lambda: hoard.append(os.urandom(HOARD_BYTES)),
    }

    class Obedient(EchoEngine):
        def step(self) -> list[Reply]:
            widths = [width_of(request) for request in self._waiting.values()]
            if FAIL in widths:
                raise EngineError("The device is lost.")
            for width in widths:
                control.get(width, int)()
            return super().step()

    def width_of(request: Request) -> int:
        return request.pictures[0].shape[1]

    return Obedient()
