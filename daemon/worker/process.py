"""The worker process: joins its parts, obeys the supervisor, and dies with it."""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from multiprocessing.connection import Connection
from socket import gethostname

from config.logs import set_up_logs
from config.recipes import Recipe
from config.settings import Settings
from daemon.clock import SystemClock
from daemon.daemon_run import DaemonRun
from daemon.delivery import Delivery, Write
from daemon.inference.engine import Engine
from daemon.inference.registry import make_engine
from daemon.inference.torch.environment import set_library_defaults
from daemon.intake.watched_inboxes import Inboxes, inboxes_of
from daemon.linux import die_with_parent
from daemon.media.dataless import forbid_downloads
from daemon.media.decoder.decoder import Decoder
from daemon.messages import PathReport, Stage, StageReport
from daemon.power.io_priority import lower_io_priority
from daemon.power.sensors import read_power
from daemon.power.sleep_inhibitor import SleepInhibitor, caffeinate
from daemon.power.throttle import Throttle
from daemon.worker.asks import AskPrefetcher, Asks
from daemon.worker.control import Control, Reports, obey
from daemon.worker.delivery_queue import DeliveryQueue
from daemon.worker.engine_host import EngineHost
from daemon.worker.feature_report import FeatureReport
from daemon.worker.heartbeat import Heartbeat, StageReporter
from daemon.worker.loop import Worker
from daemon.worker.memory import MemoryGrowth, resident_bytes
from daemon.worker.parts import WorkerParts
from daemon.worker.prefetch import FilePrefetcher
from daemon.worker.retrying_transactions import RetryingTransactions
from storage.commands.ask_inbox import AskInbox
from storage.db.database import open_database
from storage.description import Description
from storage.jobs.store import JobStore
from storage.sidecars import presence, writer
from storage.sidecars.conflict_copy import ChangedFrom
from storage.sidecars.writer import KeptSidecar
from storage.status.board import StatusBoard
from storage.status.values import EngineStatus


def run_worker(
    recipes: Mapping[str, Recipe],
    settings: Settings,
    pipe: Connection,
    daemon_run: DaemonRun,
    model: str | None,
    make: Callable[[Settings], Engine] = make_engine,
) -> None:
    """Work until the supervisor orders a stop, its end of the pipe closes, or the memory has grown too much.

    `recipes`: as the daemon read them at its start; those in the home may have been changed since. `model`: whose jobs
    it describes; None: those without a model of their own.
    """
    settings = settings.with_model(model)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the supervisor gives the orders
    if sys.platform == "linux":  # elsewhere only the pipe's end shows it, which a hung worker does not read
        die_with_parent()
    set_library_defaults(os.environ)
    lower_io_priority()
    forbid_downloads()
    set_up_logs(settings, role="worker", console=False)
    clock, work = SystemClock(), settings.work
    reports = Reports(pipe)
    stages = StageReporter(lambda stage: reports.send(StageReport(stage)), clock)

    def sleep(seconds: float) -> None:
        stages.repeat()
        time.sleep(seconds)

    def report_engine(status: EngineStatus) -> None:
        if status.state == "loading":
            stages.report(Stage.LOADING)
        board.post(status)

    with (
        closing(open_database(settings.database_place, keep_free=work.keep_free_bytes)) as database,
        FilePrefetcher(Decoder(), clock) as prefetcher,
        AskPrefetcher(Decoder()) as ask_prefetcher,
    ):
        runner = RetryingTransactions(sleep)
        store = JobStore(database, clock.now, runner)
        board = StatusBoard(database, daemon_run.id, runner)
        inboxes = inboxes_of(settings)
        write = sidecar_writer(settings, inboxes)
        delivery = Delivery(store, write, clock, random.random, folder_of=partial(sidecar_folder, inboxes))
        owner = f"{gethostname()}/{os.getpid()}/{uuid.uuid4().hex[:8]}"
        with (
            closing(EngineHost(lambda: make(settings), clock, report_engine)) as engine_host,
            Heartbeat(
                JobStore(database, clock.now), beat_seconds=work.beat_seconds, lease_seconds=work.lease_seconds
            ) as heartbeat,
            DeliveryQueue(
                delivery, heartbeat, stages, clock, owner=owner, lease_seconds=work.lease_seconds
            ) as deliveries,
        ):
            parts = WorkerParts(
                settings=settings,
                inboxes=inboxes,
                model=model,
                recipes=recipes,
                store=store,
                engine_host=engine_host,
                feature_report=FeatureReport(engine_host.feature_usage, board.post, clock),
                prefetcher=prefetcher,
                asks=Asks(
                    AskInbox(database, clock.now, runner),
                    daemon_run.id,
                    engine_host,
                    ask_prefetcher,
                    work,
                    clock,
                    model=model,
                ),
                deliveries=deliveries,
                heartbeat=heartbeat,
                stages=stages,
                throttle=Throttle(
                    read_power,
                    SleepInhibitor(caffeinate),
                    clock,
                    board.post,
                    is_polite=work.power == "polite",
                ),
                memory_growth=MemoryGrowth(
                    work.growth_bytes, lambda: resident_bytes() - engine_host.feature_usage().memory_bytes
                ),
                clock=clock,
                owner=owner,
                report_path=lambda path: reports.send(PathReport(path)),
                launched_by=daemon_run.launched_by,
            )
            worker, control = Worker(parts), Control()
            obeying = (pipe, control, heartbeat, work.stop_seconds)
            threading.Thread(target=obey, args=obeying, name="obey", daemon=True).start()
            worker.run(control)


def sidecar_writer(settings: Settings, inboxes: Inboxes) -> Write:
    """Writes sidecars where the inbox's settings say; none in folders that its filters exclude."""
    existing, mirror = settings.output.existing, settings.sidecar_folder

    def write(description: Description, changed_from: ChangedFrom, unsynced: set[bytes]) -> list[KeptSidecar]:
        places = inboxes.places_of(description.path)
        if rejection := inboxes.reject(description.path):
            reason = rejection.reason.rstrip(".")
            return [
                KeptSidecar(path=place, reason=reason) for place in presence.sidecar_paths(description.path, places)
            ]
        return writer.write(description, changed_from, unsynced, existing=existing, mirror=mirror, places=places)

    return write


def sidecar_folder(inboxes: Inboxes, path: bytes) -> bytes:
    """The folder that gets the sidecars of the file at `path`."""
    return inboxes.places_of(path).folder_of(os.path.dirname(path))
