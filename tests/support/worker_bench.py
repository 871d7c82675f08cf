"""A worker with everything around it, that takes its turns when it is told to."""

from __future__ import annotations

from config.recipes import load_recipe
from config.settings import Settings
from daemon.delivery import Delivery, Write
from daemon.inference.echo_engine import EchoEngine
from daemon.inference.engine import Engine
from daemon.messages import Stage
from daemon.power.power_state import PowerState
from daemon.power.sleep_inhibitor import SleepInhibitor
from daemon.power.throttle import Throttle
from daemon.worker.control import Control
from daemon.worker.engine_host import EngineHost
from daemon.worker.heartbeat import Heartbeat
from daemon.worker.loop import Worker
from daemon.worker.loop_progress import LoopProgress
from daemon.worker.memory_growth import MemoryGrowth
from storage.jobs.store import JobStore
from storage.library import Library
from storage.lifecycle import JobState
from storage.sidecars import writer
from tests.fakes.clock import FakeClock
from tests.fakes.delivery_queue import QueueWithoutThread
from tests.fakes.opener import FakeOpener, PrefetcherWithoutThread
from tests.unit.daemon.conftest import PNG, drop, settled

ECHO = "echo@1"
RECIPE = load_recipe().digest


class Bench:
    """A real job table, an engine that does as it is told, and a decoder without a process."""

    def __init__(
        self,
        settings: Settings,
        store: JobStore,
        library: Library,
        clock: FakeClock,
        write: Write = writer.write,
    ) -> None:
        self._write = write
        self.settings, self.store, self.library, self.clock = settings, store, library, clock
        self.inbox = settings.inbox_path.resolve()
        self.opener = FakeOpener()
        self.sighted: list[bytes] = []
        self.stages: list[Stage] = []
        self.held_bytes = 0
        self.power, self.told = PowerState(), list[dict[str, object]]()
        self.control = Control()
        self.pulse = Heartbeat(store, beat_seconds=10, lease_seconds=60)
        self.employ(EchoEngine())

    def employ(self, engine: Engine) -> None:
        self.prefetcher = PrefetcherWithoutThread(self.opener, self.clock)
        self.courtesy = Throttle(lambda: self.power, SleepInhibitor(lambda: None), self.clock, self.told.append)
        room = EngineHost(lambda: engine, self.clock, lambda state: self.store.set_state("engine", state))
        progress = LoopProgress(self.stages.append, self.clock)
        delivery = Delivery(self.store, self._write, self.clock, lambda: 1.0)
        self.deliveries = QueueWithoutThread(
            delivery, self.pulse, progress, self.clock, owner="worker", lease_seconds=self.settings.work.lease_seconds
        )
        self.worker = Worker(
            self.settings,
            self.store,
            room,
            self.prefetcher,
            self.deliveries,
            self.pulse,
            self.clock,
            owner="worker",
            sight=self.sighted.append,
            launched_by="terminal",
            progress=progress,
            growth=MemoryGrowth(100, lambda: self.held_bytes),
            courtesy=self.courtesy,
        )

    def queue(self, name: str = "beach.png", content: bytes | None = None) -> int:
        path = drop(self.inbox, name, PNG + name.encode() if content is None else content)
        return self.store.admit(settled(path), model=ECHO, recipe=RECIPE, max_attempts=3)[1]

    def turn(self, times: int = 1, seconds: float = 0.0) -> None:
        for _ in range(times):
            self.worker.turn()
            self.clock.advance(seconds)

    def state(self, job: int) -> JobState:
        return self.library.job(job).state

    def attempts(self, job: int) -> int:
        return self.library.job(job).attempts
