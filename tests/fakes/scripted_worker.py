"""A worker whose engine is controlled by a picture's width: it crashes, hangs, leaks memory, or is slow.

Imports the worker only when it starts, since the daemon imports this module.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from config.recipes import Recipe
from config.settings import Settings
from daemon.daemon_run import DaemonRun

if TYPE_CHECKING:
    from daemon.inference.engine import Engine

#: Widths of pictures. Any other width is described as by the echo engine.
CRASH, KILLED, HANG, SLOW, HOARD, FAIL = 101, 103, 107, 109, 113, 127
SLOW_SECONDS = 60.0
#: The log line at its start.
ASLEEP = "The engine is asleep"
HOARD_BYTES = 50 * 1024**2


def begin_scripted_work(
    recipes: Mapping[str, Recipe], settings: Settings, pipe: Connection, daemon_run: DaemonRun, model: str | None
) -> None:
    from daemon.worker import run_worker

    run_worker(recipes, settings, pipe, daemon_run, model, make=make_scripted_engine)


def make_scripted_engine(settings: Settings) -> Engine:
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

    faults: dict[int, Callable[[], object]] = {
        CRASH: lambda: os.kill(os.getpid(), signal.SIGSEGV),
        KILLED: lambda: os.kill(os.getpid(), signal.SIGKILL),
        HANG: hang,
        SLOW: sleep,
        HOARD: lambda: hoard.append(os.urandom(HOARD_BYTES)),
    }

    class ScriptedEngine(EchoEngine):
        def step(self) -> list[Reply]:
            widths = [width_of(request) for request in self._waiting.values()]
            if FAIL in widths:
                raise EngineError("The device is lost.")
            for width in widths:
                faults.get(width, int)()
            return super().step()

    def width_of(request: Request) -> int:
        return int(request.pictures[0].shape[1])

    return ScriptedEngine()
