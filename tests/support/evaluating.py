"""Evaluations within a test: suites by name, a model or an engine, and the stored results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from config.load import prepare_home
from config.settings import ModelSettings, Settings
from daemon.clock import SystemClock
from daemon.evaluation.measuring.measurements import MEASUREMENTS
from daemon.evaluation.session import Plan, session
from daemon.evaluation.suites.suite_files import find_suites
from daemon.inference.engine import Engine
from daemon.inference.registry import make_engine
from storage.db.database import open_database
from storage.evaluation.evaluation_records import CaseResult, EvaluationRun
from storage.evaluation.evaluation_store import EvaluationStore
from tests.fakes.clock import START


def plan_for(*names: str, repeat: int = 1, limit: int | None = None) -> Plan:
    suites = [suite.limited(limit) for suite in find_suites(names, measures=MEASUREMENTS)]
    return Plan(suites=suites, repeat=repeat, limit=limit)


def evaluate(
    home: Path,
    *names: str,
    model: str = "demo",
    rows: int = 16,
    make: Callable[[Settings], Engine] = make_engine,
    repeat: int = 1,
) -> tuple[EvaluationRun, list[CaseResult]]:
    """The finished run in the home's database, and its results."""
    settings = Settings(home=home, model=ModelSettings(id=model, rows=rows))
    prepare_home(settings)
    with closing(open_database(settings.database_place)) as database:
        store = EvaluationStore(database, SystemClock().now)
        plan = plan_for(*names, repeat=repeat)
        with session(settings, store, make) as opened:
            run = opened.begin(plan)
            for _ in opened.steps(run, plan):
                pass
        return store.run(run.id), store.results(run.id)


def untimed(results: Sequence[CaseResult]) -> dict[object, CaseResult]:
    """By key, without what differs between two equal runs: times and memory."""
    return {
        each.key: replace(
            each, finished_at=START, seconds={}, peak_memory_bytes=0, device_memory_bytes=0, figures=(), lines=()
        )
        for each in results
    }
