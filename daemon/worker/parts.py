"""What a worker is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from config.recipes import Recipe
from config.settings import Settings
from daemon.clock import Clock
from daemon.intake.watched_inboxes import Inboxes
from daemon.power.throttle import Throttle
from daemon.worker.asks import Asks
from daemon.worker.delivery_queue import DeliveryQueue
from daemon.worker.engine_host import EngineHost
from daemon.worker.feature_report import FeatureReport
from daemon.worker.heartbeat import Heartbeat, StageReporter
from daemon.worker.memory import MemoryGrowth
from daemon.worker.prefetch import FilePrefetcher
from storage.jobs.store import JobStore


@dataclass(frozen=True, kw_only=True)
class WorkerParts:
    """`model`: whose jobs are claimed; None: those without one of their own.

    `owner`: the name in its claims; `report_path` has the intake check a path again.
    """

    settings: Settings
    inboxes: Inboxes
    model: str | None
    recipes: Mapping[str, Recipe]
    store: JobStore
    engine_host: EngineHost
    feature_report: FeatureReport
    prefetcher: FilePrefetcher
    asks: Asks
    deliveries: DeliveryQueue
    heartbeat: Heartbeat
    stages: StageReporter
    throttle: Throttle
    memory_growth: MemoryGrowth
    clock: Clock
    owner: str
    report_path: Callable[[bytes], None]
    launched_by: str
