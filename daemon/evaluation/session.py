"""One evaluation from its suites to its last result: loads the model, asks, stores each result as it comes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from config.errors import AlreadyRunningError, SmolwatchError
from config.settings import Settings
from config.version import own_version
from daemon.clock import SystemClock
from daemon.evaluation.measuring.measurements import DEFAULT_COUNT, measured
from daemon.evaluation.measuring.situation import Situation
from daemon.evaluation.running.case_media import MediaMissingError, files_of
from daemon.evaluation.running.case_results import facts_of
from daemon.evaluation.running.case_tasks import CaseTask, tasks_of
from daemon.evaluation.running.evaluator import Evaluator
from daemon.evaluation.suites.suite import Suite, suites_digest
from daemon.evaluation.witnesses.witness import witnesses_here
from daemon.inference.engine import Engine, EngineInfo
from daemon.inference.registry import engine_entry, make_engine
from daemon.inference.torch.environment import set_library_defaults
from daemon.inference.weights.sources import find_model
from daemon.lock import HomeLock, holder
from daemon.media.dataless import forbid_downloads
from daemon.media.decoder.decoder import Decoder
from storage.evaluation.evaluation_records import CaseResult, EvaluationRun, NewRun
from storage.evaluation.evaluation_store import EvaluationStore

MakeEngine = Callable[[Settings], Engine]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is asked. `folder`: that of a person's own suite. `options`: how it was asked for, to resume it."""

    suites: Sequence[Suite]
    repeat: int = 1
    limit: int | None = None
    seed: int = 0
    folder: str | None = None
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One more result of a run; `left`: how many are missing."""

    run: EvaluationRun
    result: CaseResult
    left: int


class Session:
    """A loaded model and an open run. `begin` or `resume` it, then iterate over `steps`."""

    def __init__(self, settings: Settings, store: EvaluationStore, engine: Engine, decoder: Decoder, make: MakeEngine):
        self._settings, self._store, self._engine, self._decoder, self._make = settings, store, engine, decoder, make
        self._now = SystemClock().now
        began = time.perf_counter()
        self.info: EngineInfo = engine.load()
        self._load_seconds = time.perf_counter() - began

    def begin(self, plan: Plan) -> EvaluationRun:
        return self._store.begin(new_run(self._settings, self.info, plan, is_shared=self.is_shared()))

    def check_same(self, run: EvaluationRun, plan: Plan) -> None:
        """Raises SmolwatchError if the rest would be asked of another model, or be other questions."""
        new = new_run(self._settings, self.info, plan, is_shared=False)
        names = ("model_id", "revision", "weights_digest", "engine", "device", "dtype", "detail", "suites_digest")
        changed = [name for name in names if getattr(run, name) != getattr(new, name)]
        if changed:
            parts = ", ".join(f"{n.replace('_', ' ')} ({getattr(run, n)}, now {getattr(new, n)})" for n in changed)
            raise SmolwatchError(f"Evaluation {run.id} cannot go on: {parts} changed.", advice="Start a new one.")

    def steps(self, run: EvaluationRun, plan: Plan) -> Iterator[Step]:
        """The missing results, each stored before it is given."""
        stored = self._store.results(run.id)
        tasks = tasks_of(plan.suites, repeat=plan.repeat, seed=plan.seed, done={result.key for result in stored})
        evaluator = Evaluator(
            self._engine,
            self.info,
            self._decoder.open,
            self._settings.work,
            self._measure,
            facts=lambda task: facts_of(task, self._now(), is_shared=self.is_shared()),
            answers={result.key: result.answer for result in stored if result.error is None and not result.skipped},
            witnesses=witnesses_here(),
        )
        left = len(tasks)
        for result in evaluator.run(tasks):
            left -= 1
            self._store.add(run.id, result)
            yield Step(run=run, result=result, left=left)
        self._store.end(run.id)

    def is_shared(self) -> bool:
        """Whether a daemon of this home runs, and so may use the device."""
        return holder(self._settings.lock_file) is not None

    def _measure(self, task: CaseTask) -> CaseResult:
        shared_before = self.is_shared()
        try:
            files = files_of(task.suite, task.case)
        except MediaMissingError as error:
            facts = facts_of(task, self._now(), is_shared=shared_before)
            return CaseResult(**facts, score=0.0, skipped=str(error))
        situation = Situation(
            settings=self._settings,
            engine=self._engine,
            info=self.info,
            open_file=self._decoder.open,
            files=files,
            count=task.case.count or DEFAULT_COUNT,
            load_seconds=self._load_seconds,
            new_engine=self._make,
            timed_engine=partial(make_engine, stop_at_end=False),
        )
        result = measured(task.case.measure or "", situation, facts_of(task, self._now(), is_shared=shared_before))
        return replace(result, is_shared=shared_before or self.is_shared(), finished_at=self._now())


@contextmanager
def session(settings: Settings, store: EvaluationStore, make: MakeEngine = make_engine) -> Iterator[Session]:
    """With the home's evaluation lock. Raises AlreadyRunningError, ModelUnavailableError, EngineError."""
    set_library_defaults(os.environ)
    forbid_downloads()
    with evaluation_lock(settings):
        engine = make(settings)
        with closing(engine), closing(Decoder()) as decoder:
            yield Session(settings, store, engine, decoder, make)


@contextmanager
def evaluation_lock(settings: Settings) -> Iterator[None]:
    """Held while an evaluation uses the device. Raises AlreadyRunningError."""
    with ExitStack() as held:
        try:
            held.enter_context(HomeLock(settings.evaluation_lock_file))
        except AlreadyRunningError as error:
            advice = "Wait until it ends."
            raise AlreadyRunningError("Another evaluation is running for this home.", advice=advice) from error
        yield


def new_run(settings: Settings, info: EngineInfo, plan: Plan, *, is_shared: bool) -> NewRun:
    from daemon.evaluation.machine import machine_facts  # it imports torch, which takes its defaults then

    machine = machine_facts(device_of(info))
    libraries = machine.pop("libraries")
    return NewRun(
        smolwatch=own_version(),
        machine=machine,
        libraries=libraries if isinstance(libraries, dict) else {},
        model_id=info.model_id,
        revision=info.revision,
        weights_digest=find_model(settings).digest if engine_entry(settings).needs_weights else "",
        engine=info.engine,
        device=info.device,
        dtype=info.dtype,
        precision=settings.model.precision,
        detail=info.detail,
        suites=tuple(suite.name for suite in plan.suites),
        suites_digest=suites_digest(plan.suites),
        folder=plan.folder,
        repeat=plan.repeat,
        limit=plan.limit,
        seed=plan.seed,
        planned=len(tasks_of(plan.suites, repeat=plan.repeat, seed=plan.seed)),
        control=info.control,
        options=plan.options,
        is_shared=is_shared,
    )


def device_of(info: EngineInfo) -> str:
    """The device's own name, where torch has one."""
    if info.device not in ("cuda", "mps", "cpu"):
        return info.device
    from daemon.inference.torch.devices import device_name, pick_device

    return device_name(pick_device(info.device))
