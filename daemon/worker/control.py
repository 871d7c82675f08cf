"""The worker's end of the pipe: its reports to the supervisor, and the supervisor's orders."""

from __future__ import annotations

import os
import threading
from multiprocessing.connection import Connection

from loguru import logger

from daemon.messages import Order, Report, decode_order, encode
from daemon.worker.heartbeat import Heartbeat

#: How long a stop may take while no job is held: the main loop needs no longer.
IDLE_STOP_SECONDS = 1.0


class Control:
    """The supervisor's orders, for the main loop: one thread waits, another receives them."""

    def __init__(self) -> None:
        self._received = threading.Event()
        self.is_stopping = False

    def stop(self) -> None:
        """Finish what is in flight, and end."""
        self.is_stopping = True
        self._received.set()

    def wake(self) -> None:
        """A job is waiting."""
        self._received.set()

    def wait(self, seconds: float) -> None:
        """Until an order arrives, at most that long."""
        if self._received.wait(seconds) and not self.is_stopping:
            self._received.clear()


class Reports:
    """For several threads: the delivery thread reports too, while it waits for the database."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._lock = threading.Lock()

    def send(self, report: Report) -> None:
        """Raises OSError when the daemon is dead."""
        with self._lock:
            self._pipe.send_bytes(encode(report))


def obey(pipe: Connection, control: Control, heartbeat: Heartbeat, stop_seconds: float) -> None:
    """Runs on its own thread, since the main loop may be in the model for minutes. Ends the process if it has to.

    The main loop gets `stop_seconds` to stop while it holds jobs; then the jobs are released and the process exits.
    """
    timeout: float | None = None
    while pipe.poll(timeout):
        try:
            order = decode_order(pipe.recv_bytes())
        except (EOFError, OSError):
            os._exit(1)  # the daemon is dead; the next one requeues the held jobs
        if order is Order.STOP_NOW:
            break
        if order is Order.WAKE:
            control.wake()
            continue
        control.stop()
        timeout = stop_seconds if heartbeat.is_holding else IDLE_STOP_SECONDS
    try:
        heartbeat.release_all("Put back in the queue: smolwatch was stopped.")
    except Exception:  # noqa: BLE001 - the process ends here, whatever happens
        logger.exception("The held jobs could not be released")
    os._exit(0)
