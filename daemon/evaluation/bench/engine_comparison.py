"""Compares the engines with each other: same weights and requests, interleaved, each engine as the daemon loads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from config.errors import NotFoundError
from config.settings import Settings
from daemon.errors import EngineError
from daemon.evaluation.bench import published_speed
from daemon.evaluation.bench.cases import IN_FLIGHT, Ask, Measure, choose_engine_cases
from daemon.evaluation.bench.contestants import EngineContestant
from daemon.evaluation.bench.interleave import Measurement, interleave
from daemon.evaluation.bench.loaded_models import EngineChoice, LoadedModels
from daemon.evaluation.bench.results import stats_to_json, value_of
from daemon.evaluation.bench.stats import Stats, quotients
from daemon.evaluation.machine import machine_facts
from daemon.inference.engine import EngineInfo
from daemon.inference.registry import ENGINES


@dataclass(frozen=True, kw_only=True)
class EngineCase:
    """One case. By engine: the `figures`, and in `ratios` how many times better the first one is, round by round."""

    name: str
    measure: Measure
    figures: Mapping[str, Stats]
    ratios: Mapping[str, Stats]


@dataclass(frozen=True, kw_only=True)
class EngineComparison:
    """`engines`: those that were measured. `absent`: why the others were not, with what to do, for people."""

    machine: Mapping[str, object]
    model: Mapping[str, object]
    options: Mapping[str, object]
    engines: Mapping[str, EngineInfo]
    absent: Mapping[str, str]
    cases: tuple[EngineCase, ...]

    def in_flight(self) -> dict[int, Mapping[str, Stats]]:
        """Seconds a picture, by how many were in flight, as the published figure has them."""
        return {IN_FLIGHT[case.name].rows: case.figures for case in self.cases if case.name in IN_FLIGHT}


def compare_engines(
    settings: Settings,
    names: Sequence[str],
    *,
    cases: Sequence[str] = (),
    rounds: int = 3,
    tokens: int = 50,
    quick: bool = False,
    on_progress: Callable[[str], None] = lambda _: None,
) -> EngineComparison:
    """Measures all cases, or the named ones; `quick` uses no more pictures than are in flight.

    An engine that this machine has not is left out, with the reason. Raises EngineError when none is left, or one fails
    later on; NotFoundError for an unknown engine or case; ModelUnavailableError without weights.
    """
    wanted = known_engines(names)
    tasks = choose_engine_cases(cases)
    with closing(LoadedModels(with_engine(settings, wanted[0]))) as models:
        first, _ = next(iter(tasks.values()))
        engines, absent = load_each(models, wanted, first, on_progress)
        return EngineComparison(
            machine=machine_facts(models.device_name),
            model={"id": models.folder.id, "revision": models.folder.revision, "bytes": models.folder.bytes},
            options={"rounds": rounds, "tokens": tokens, "quick": quick},
            engines=engines,
            absent=absent,
            cases=tuple(
                measured_case(
                    models, name, in_short(task) if quick else task, measure, list(engines), rounds, tokens, on_progress
                )
                for name, (task, measure) in tasks.items()
            ),
        )


def known_engines(names: Sequence[str]) -> list[str]:
    """Each once. Raises NotFoundError."""
    known = sorted(name for name, entry in ENGINES.items() if entry.needs_weights)
    for name in names:
        if name not in known:
            raise NotFoundError(f"There is no engine {name!r} to compare.", advice=f"Choose among: {', '.join(known)}")
    return list(dict.fromkeys(names))


def with_engine(settings: Settings, name: str) -> Settings:
    return settings.model_copy(update={"model": settings.model.model_copy(update={"engine": name})})


def load_each(
    models: LoadedModels, names: Sequence[str], ask: Ask, on_progress: Callable[[str], None]
) -> tuple[dict[str, EngineInfo], dict[str, str]]:
    """The engines that load here, and why the others do not. Raises EngineError if none does."""
    engines, absent = dict[str, EngineInfo](), dict[str, str]()
    for name in names:
        try:
            _, engines[name] = models.new_engine(EngineChoice(ask.detail, ask.rows, engine=name))
        except (EngineError, ImportError) as error:
            absent[name] = f"{error} {getattr(error, 'advice', '')}".strip()
            on_progress(f"{name} is not compared. {absent[name]}")
        models.close_engine(name)
    if not engines:
        raise EngineError(f"No engine is left to compare. {' '.join(absent.values())}")
    return engines, absent


def in_short(ask: Ask) -> Ask:
    return replace(ask, copies=min(ask.copies, ask.rows))


def measured_case(
    models: LoadedModels,
    name: str,
    task: Ask,
    measure: Measure,
    engines: Sequence[str],
    rounds: int,
    tokens: int,
    on_progress: Callable[[str], None],
) -> EngineCase:
    on_progress(f"Measuring {name}")
    contestants = {engine: EngineContestant(models, task, tokens=tokens, engine=engine) for engine in engines}
    return case_of(name, measure, interleave(contestants, rounds=rounds, on_progress=on_progress))


def case_of(name: str, measure: Measure, measurements: Mapping[str, Sequence[Measurement]]) -> EngineCase:
    """Of the measurements of every engine; the first one is compared with the others. Pure."""
    values = {engine: [value_of(measure, each) for each in found] for engine, found in measurements.items()}
    first, *others = values
    pairs = {
        other: (values[first], values[other]) if measure.more_is_better else (values[other], values[first])
        for other in others
    }
    return EngineCase(
        name=name,
        measure=measure,
        figures={engine: Stats(tuple(found)) for engine, found in values.items()},
        ratios={other: quotients(over, under) for other, (over, under) in pairs.items()},
    )


def to_json(comparison: EngineComparison) -> dict[str, Any]:
    """The whole comparison for programs."""
    return {
        "schema": 1,
        "machine": dict(comparison.machine),
        "model": dict(comparison.model),
        "options": dict(comparison.options),
        "engines": {name: {"device": info.device, "dtype": info.dtype} for name, info in comparison.engines.items()},
        "absent": dict(comparison.absent),
        "cases": {
            case.name: {
                "measure": str(case.measure),
                "engines": {engine: stats_to_json(stats) for engine, stats in case.figures.items()},
                "times_better": {engine: stats_to_json(stats) for engine, stats in case.ratios.items()},
            }
            for case in comparison.cases
        },
        "published": {
            "seconds_a_picture": {str(count): seconds for count, seconds in published_speed.SECONDS.items()},
            "where": published_speed.WHERE,
            "work": published_speed.WORK,
            "source": published_speed.SOURCE,
        },
    }
