"""A worker with its parts, that runs its rounds when a test calls for them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from config.groups import Detail
from config.recipes import load_recipe, load_recipes
from config.settings import Settings
from daemon.asking.question import Ask
from daemon.delivery import Delivery, Write
from daemon.inference.echo_engine import EchoEngine
from daemon.inference.engine import Engine, Request
from daemon.intake.watched_inboxes import inboxes_of
from daemon.messages import Stage
from daemon.power.power_state import PowerState
from daemon.power.sleep_inhibitor import SleepInhibitor
from daemon.power.throttle import Throttle
from daemon.worker.asks import Asks
from daemon.worker.control import Control
from daemon.worker.engine_host import EngineHost
from daemon.worker.feature_report import FeatureReport
from daemon.worker.heartbeat import Heartbeat, StageReporter
from daemon.worker.loop import Worker
from daemon.worker.memory import MemoryGrowth
from daemon.worker.parts import WorkerParts
from storage.commands.ask_inbox import AskInbox
from storage.commands.command_inbox import CommandInbox
from storage.commands.requests import Answer, Command, CommandKind
from storage.db.database import Database
from storage.jobs.store import JobStore
from storage.library import Library
from storage.lifecycle import JobState
from storage.records import JobSpec
from storage.sidecars import writer
from storage.status.board import StatusBoard
from storage.status.values import PowerStatus
from tests.fakes.clock import FakeClock
from tests.fakes.delivery_queue import QueueWithoutThread
from tests.fakes.opener import AskPrefetcherWithoutThread, FakeOpener, PrefetcherWithoutThread
from tests.unit.daemon.conftest import PNG, drop, settled

ECHO = "echo@1"
RUN = "run"


def spec_of(settings: Settings) -> JobSpec:
    recipe = load_recipe(settings.recipe, settings.home)
    return JobSpec(recipe=recipe.name, recipe_digest=recipe.digest)


def job_of(request: Request) -> int:
    """The id of the job whose request this is."""
    return int(request.id.partition(".")[0])


class Bench:
    """A real job table, a fake engine, and a decoder without a process."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        store: JobStore,
        library: Library,
        clock: FakeClock,
        write: Write = writer.write,
    ) -> None:
        self._write, self.database = write, database
        self.settings, self.store, self.library, self.clock = settings, store, library, clock
        self.inbox = settings.inbox_path.resolve()
        self.opener = FakeOpener()
        self.reported_paths: list[bytes] = []
        self.stages: list[Stage] = []
        self.held_bytes = 0
        self.power, self.power_reports = PowerState(), list[PowerStatus]()
        self.control = Control()
        self.asks, self.commands = AskInbox(database, clock.now), CommandInbox(database, clock.now)
        self.heartbeat = Heartbeat(store, beat_seconds=10, lease_seconds=60)
        self.use_engine(EchoEngine())

    def use_engine(self, engine: Engine, *, model: str | None = None) -> None:
        self.prefetcher = PrefetcherWithoutThread(self.opener, self.clock)
        self.ask_prefetcher = AskPrefetcherWithoutThread(self.opener)
        throttle = Throttle(lambda: self.power, SleepInhibitor(lambda: None), self.clock, self.power_reports.append)
        board = StatusBoard(self.database, RUN)
        engine_host = EngineHost(lambda: engine, self.clock, board.post)
        progress = StageReporter(self.stages.append, self.clock)
        delivery = Delivery(self.store, self._write, self.clock, lambda: 1.0)
        self.deliveries = QueueWithoutThread(
            delivery,
            self.heartbeat,
            progress,
            self.clock,
            owner="worker",
            lease_seconds=self.settings.work.lease_seconds,
        )
        parts = WorkerParts(
            settings=self.settings,
            inboxes=inboxes_of(self.settings),
            model=model,
            recipes=load_recipes(self.settings.home),
            store=self.store,
            engine_host=engine_host,
            feature_report=FeatureReport(engine_host.feature_usage, board.post, self.clock),
            prefetcher=self.prefetcher,
            asks=Asks(self.asks, RUN, engine_host, self.ask_prefetcher, self.settings.work, self.clock, model=model),
            deliveries=self.deliveries,
            heartbeat=self.heartbeat,
            stages=progress,
            throttle=throttle,
            memory_growth=MemoryGrowth(100, lambda: self.held_bytes),
            clock=self.clock,
            owner="worker",
            report_path=self.reported_paths.append,
            launched_by="terminal",
        )
        self.worker = Worker(parts)

    def queue(self, name: str = "beach.png", content: bytes | None = None, *, detail: Detail | None = None) -> int:
        path = drop(self.inbox, name, PNG + name.encode() if content is None else content)
        spec = replace(spec_of(self.settings), detail=detail)
        return self.store.admit(settled(path), spec=spec, model=ECHO, max_attempts=3)[1]

    def ask(self, question: str, *files: str, **options: Any) -> Command:
        """Send a question about files of the inbox, as the command line does."""
        paths = tuple(bytes(self.inbox / file) for file in files)
        return self.commands.send(RUN, CommandKind.ASK, Ask(question=question, files=paths, **options).to_arguments())

    def answer(self, command: Command) -> Answer | None:
        return self.asks.read(command).answer

    def run_rounds(self, count: int = 1, seconds: float = 0.0) -> None:
        """`seconds`: how far the clock moves after each."""
        for _ in range(count):
            self.worker.run_round()
            self.clock.advance(seconds)

    def state(self, job: int) -> JobState:
        return self.library.job(job).state

    def attempts(self, job: int) -> int:
        return self.library.job(job).attempts
