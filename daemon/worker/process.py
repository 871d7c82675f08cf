"""The worker as a process: joins its parts, obeys the supervisor's pipe, and dies with it."""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import closing
from multiprocessing.connection import Connection
from socket import gethostname

from loguru import logger

from config.logs import set_up_logs
from config.settings import Settings
from daemon.clock import SystemClock
from daemon.delivery import Delivery, Write
from daemon.inference.engine import Engine
from daemon.inference.factory import make_engine
from daemon.inference.torch.environment import set_up_libraries
from daemon.intake.filters import filters_of
from daemon.intake.sweep import inbox_root
from daemon.media.dataless import leave_in_the_cloud
from daemon.media.decoder.decoder import Decoder
from daemon.media.decoder.sandbox.linux import die_with_parent
from daemon.messages import Stage
from daemon.power.io_priority import lower_io_priority
from daemon.power.sensors import read_power
from daemon.power.sleep_inhibitor import SleepInhibitor, caffeinate
from daemon.power.throttle import Throttle
from daemon.worker.control import Control
from daemon.worker.delivery_queue import DeliveryQueue
from daemon.worker.engine_host import EngineHost
from daemon.worker.heartbeat import Heartbeat
from daemon.worker.loop import Worker
from daemon.worker.loop_progress import LoopProgress
from daemon.worker.memory_growth import MemoryGrowth, resident_bytes
from daemon.worker.prefetch import Prefetcher
from daemon.worker.retrying_store import RetryingStore
from storage.db.database import open_database
from storage.jobs.store import JobStore
from storage.records import Description
from storage.sidecars import writer
from storage.sidecars.writer import ChangedFrom, KeptSidecar

#: With nothing in hand there is nothing to wait for but the turn's own end.
IDLE_PATIENCE = 1.0


def run_worker(
    settings: Settings,
    connection: Connection,
    launched_by: str = "terminal",
    make: Callable[[Settings], Engine] = make_engine,
) -> None:
    """Work until the supervisor says "stop", its end of the pipe closes, or the memory has grown too much.

    Receives "work" (something waits), "stop" (finish or release what is under way, within `work.stop_seconds`) and
    "now" (release, at once).
    Sends ("sight", path): a path whose bytes are no longer those of its job, for intake to look at;
    and ("stage", stage): what it is about to do.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the supervisor says what to do
    if sys.platform == "linux":  # elsewhere the pipe's end tells; here also a worker that hears nothing any more
        die_with_parent()
    set_up_libraries(os.environ)
    lower_io_priority()
    leave_in_the_cloud()
    set_up_logs(settings, role="worker", console=False)
    clock = SystemClock()
    with (
        closing(open_database(settings.database_place, keep_free=settings.work.keep_free_bytes)) as database,
        Prefetcher(Decoder(), clock) as reader,
    ):
        line = threading.Lock()  # the delivery thread sends too, while it waits for the database

        def say(word: str, value: object) -> None:
            with line:
                connection.send((word, value))

        progress = LoopProgress(lambda stage: say("stage", stage), clock)

        def rest(seconds: float) -> None:
            progress.again()
            time.sleep(seconds)

        def report(state: dict[str, object]) -> None:
            if state["state"] == "loading":
                progress.say(Stage.LOADING)
            store.set_state("engine", state)

        store = RetryingStore(database, clock.now, rest)
        room = EngineHost(lambda: make(settings), clock, report)
        write = sidecar_writer(settings)
        work = settings.work
        with (
            closing(room),
            Heartbeat(
                JobStore(database, clock.now), beat_seconds=work.beat_seconds, lease_seconds=work.lease_seconds
            ) as pulse,
        ):
            courtesy = Throttle(
                read_power,
                SleepInhibitor(caffeinate),
                clock,
                lambda state: store.set_state("power", state),
                is_polite=work.power == "polite",
            )
            owner = f"{gethostname()}/{os.getpid()}/{uuid.uuid4().hex[:8]}"
            delivery = Delivery(store, write, clock, random.random)
            with DeliveryQueue(
                delivery, pulse, progress, clock, owner=owner, lease_seconds=work.lease_seconds
            ) as deliveries:
                worker = Worker(
                    settings,
                    store,
                    room,
                    reader,
                    deliveries,
                    pulse,
                    clock,
                    owner=owner,
                    sight=lambda path: say("sight", path),
                    launched_by=launched_by,
                    courtesy=courtesy,
                    progress=progress,
                    growth=MemoryGrowth(work.growth_bytes, resident_bytes),
                )
                control = Control()
                obeying = (connection, control, pulse, work.stop_seconds)
                threading.Thread(target=obey, args=obeying, name="obey", daemon=True).start()
                worker.run(control)


def sidecar_writer(settings: Settings) -> Write:
    """What leaves sidecars beside a file; nothing in folders that the rules of the inbox close."""
    root = inbox_root(settings)
    filters = filters_of(settings, root)

    def write(description: Description, changed_from: ChangedFrom, unsynced: set[bytes]) -> list[KeptSidecar]:
        if turned := filters.reject_path(root, description.path):
            reason = turned.reason.rstrip(".")
            return [KeptSidecar(path=place, reason=reason) for place in writer.beside(description.path)]
        existing, mirror = settings.output.existing, settings.sidecar_folder
        return writer.write(description, changed_from, unsynced, existing=existing, mirror=mirror)

    return write


def obey(connection: Connection, control: Control, pulse: Heartbeat, stop_seconds: float) -> None:
    """Runs beside the worker, which may be deep in the model for minutes: ends the process when that must be."""
    patience: float | None = None
    while connection.poll(patience):
        try:
            word = connection.recv()
        except (EOFError, OSError):
            os._exit(1)  # the daemon is dead; the next one takes back what is held here
        if word == "work":
            control.wake()
            continue
        if word == "now":
            break
        control.stop()
        patience = stop_seconds if pulse.is_holding else IDLE_PATIENCE
    try:
        pulse.release_all("Put back in the queue: smolwatch was stopped.")
    except Exception:
        logger.exception("The jobs in hand could not be released")
    os._exit(0)
