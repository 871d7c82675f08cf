"""Runs one function in a new process, which begins with nothing in memory and ends with this process."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from config.errors import SmolwatchError
from daemon.errors import EngineError
from daemon.media.decoder.rlimits import bind_to_parent, exit_with_parent

Found = TypeVar("Found")
#: For loading a model and one request, on a slow machine.
MOST_SECONDS = 600.0


@dataclass(frozen=True)
class Refusal:
    """An error with advice, as it crosses between processes."""

    message: str
    advice: str


def in_fresh_process(work: Callable[..., Found], *arguments: Any, seconds: float = MOST_SECONDS) -> Found:
    """What `work` returns there; it and its arguments are pickled.

    Raises EngineError for its SmolwatchError, and if the process ends without a result, or takes longer.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=run, args=(sender, work, arguments), name="smolwatch-measurement", daemon=True)
    with receiver:
        with sender:
            process.start()
        try:
            if not receiver.poll(seconds):
                raise EngineError(f"The process took longer than {seconds:.0f} seconds.")
            found: Found | Refusal = receiver.recv()
        except EOFError as error:
            process.join()
            raise EngineError(f"The process ended without a result: {end_of(process.exitcode)}.") from error
        finally:
            process.kill()
            process.join()
    if isinstance(found, Refusal):
        raise EngineError(found.message, advice=found.advice)
    return found


def end_of(code: int | None) -> str:
    """ "signal SIGKILL", "exit code 3"."""
    return f"signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit code {code}"


def run(sender: Connection, work: Callable[..., object], arguments: tuple[Any, ...]) -> None:
    bind_to_parent()
    exit_with_parent()
    try:
        found = work(*arguments)
    except SmolwatchError as error:
        found = Refusal(str(error), error.advice)
    sender.send(found)
