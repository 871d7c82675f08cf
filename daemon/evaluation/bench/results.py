"""What the bench found, as values; and as one document for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from daemon.evaluation.bench.cases import Measure
from daemon.evaluation.bench.interleave import Measurement, Run
from daemon.evaluation.bench.stats import Stats, quotients

#: Of the issue's mix of pictures; `ratios` holds these alone.
MIXES = ("fast", "balanced", "full")
#: Ends the name of a case that another one repeats in 8 bits.
INT8 = "-int8"
DIGITS = 5


@dataclass(frozen=True, kw_only=True)
class CaseResult:
    """One case: the same measure of both sides, and round by round how many times better the engine's is."""

    name: str
    measure: Measure
    stock: Stats
    engine: Stats
    ratio: Stats
    stock_runs: tuple[Run, ...]
    engine_runs: tuple[Run, ...]


@dataclass(frozen=True, kw_only=True)
class ProductResult:
    dtype: str
    rows: int
    inner: int
    columns: int
    teraflops: Stats


@dataclass(frozen=True, kw_only=True)
class RooflineResult:
    """The machine's limits, and the engine beside them.

    `vision_over_floor`: how many times the seconds that a tile's operations take at the rate of the fastest product.
    `memory_share`: the share of a copy's rate at which weights are read while answers are written, by case.
    """

    products: tuple[ProductResult, ...]
    copy_gigabytes: Stats
    gigaflops_a_tile: float
    vision_floor: Stats
    vision_over_floor: Stats
    weights_megabytes_a_token: float
    memory_share: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class BenchResults:
    """`machine`, `model` and `options` are plain facts."""

    machine: Mapping[str, object]
    model: Mapping[str, object]
    options: Mapping[str, object]
    cases: tuple[CaseResult, ...]
    limits: RooflineResult | None = None

    @property
    def ratios(self) -> dict[str, float]:
        return {case.name: case.ratio.median for case in self.cases if case.name in MIXES}

    @property
    def int8_gains(self) -> dict[str, Stats]:
        """How many times better the engine is in 8 bits than in its own numbers, round by round."""
        engines = {case.name: case.engine.values for case in self.cases}
        return {
            name: quotients(values, engines[name + INT8]) for name, values in engines.items() if name + INT8 in engines
        }


def compared(name: str, measure: Measure, stock: Sequence[Measurement], engine: Sequence[Measurement]) -> CaseResult:
    ours, theirs = ([value_of(measure, turn) for turn in turns] for turns in (engine, stock))
    return CaseResult(
        name=name,
        measure=measure,
        stock=Stats(tuple(theirs)),
        engine=Stats(tuple(ours)),
        ratio=quotients(ours, theirs) if measure.more_is_better else quotients(theirs, ours),
        stock_runs=tuple(turn.run for turn in stock),
        engine_runs=tuple(turn.run for turn in engine),
    )


def value_of(measure: Measure, turn: Measurement) -> float:
    run = turn.run
    match measure:
        case Measure.SECONDS:
            return turn.seconds / run.files
        case Measure.RATE:
            return run.tokens / (run.files * run.phases["generate"])
        case Measure.VISION:
            return run.files * run.phases["vision"] / run.tiles
        case Measure.START:
            return run.phases["load"] + run.phases["first picture"]


def mean_phases(runs: Sequence[Run]) -> dict[str, float]:
    """Seconds of a file by phase, over all rounds."""
    return {phase: sum(run.phases[phase] for run in runs) / len(runs) for phase in runs[0].phases}


def document(report: BenchResults) -> dict[str, Any]:
    """The whole report for programs; what was not measured is absent."""
    whole: dict[str, Any] = {
        "schema": 1,
        "ratios": {name: rounded(ratio) for name, ratio in report.ratios.items()},
        "machine": dict(report.machine),
        "model": dict(report.model),
        "options": dict(report.options),
        "cases": {case.name: case_words(case) for case in report.cases},
    }
    if report.int8_gains:
        whole["int8_gains"] = {name: spread_words(gain) for name, gain in report.int8_gains.items()}
    return whole if report.limits is None else whole | {"limits": limit_words(report.limits)}


def case_words(case: CaseResult) -> dict[str, Any]:
    return {
        "measure": str(case.measure),
        "ratio": spread_words(case.ratio),
        "stock": spread_words(case.stock) | side_words(case.stock_runs),
        "engine": spread_words(case.engine) | side_words(case.engine_runs),
    }


def side_words(runs: Sequence[Run]) -> dict[str, Any]:
    """What a side did in a turn, and where the seconds of a file went."""
    run = runs[0]
    return {
        "files": run.files,
        "tiles": run.tiles,
        "rows": run.rows,
        "tokens_in": run.tokens_in,
        "seconds": {phase: rounded(seconds) for phase, seconds in mean_phases(runs).items()},
    }


def limit_words(limits: RooflineResult) -> dict[str, Any]:
    products = [
        {"dtype": one.dtype, "rows": one.rows, "inner": one.inner, "columns": one.columns}
        | {"teraflops": spread_words(one.teraflops)}
        for one in limits.products
    ]
    return {
        "products": products,
        "copy_gigabytes_a_second": spread_words(limits.copy_gigabytes),
        "vision": {
            "gigaflops_a_tile": rounded(limits.gigaflops_a_tile),
            "floor_seconds_a_tile": spread_words(limits.vision_floor),
            "over_floor": spread_words(limits.vision_over_floor),
        },
        "writing": {
            "weights_megabytes_a_token": rounded(limits.weights_megabytes_a_token),
            "memory_share": {name: rounded(share) for name, share in limits.memory_share.items()},
        },
    }


def spread_words(spread: Stats) -> dict[str, Any]:
    return {
        "median": rounded(spread.median),
        "min": rounded(spread.least),
        "max": rounded(spread.most),
        "values": [rounded(value) for value in spread.values],
    }


def rounded(value: float) -> float:
    """To a few digits that mean something."""
    return float(f"{value:.{DIGITS}g}")
