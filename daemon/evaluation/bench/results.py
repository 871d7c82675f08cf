"""The benchmark's results, as values and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from daemon.evaluation.bench.cases import Measure
from daemon.evaluation.bench.interleave import Measurement, Run
from daemon.evaluation.bench.stats import Stats, quotients

#: The cases with the mix of pictures; `ratios` has only these.
MIXES = ("fast", "balanced", "full")
#: Suffix of a case that repeats another one in 8 bits.
INT8 = "-int8"
DIGITS = 5


@dataclass(frozen=True, kw_only=True)
class BenchCase:
    """One case: the same measure of both contestants, and for every round how many times better the engine is."""

    name: str
    measure: Measure
    reference: Stats
    engine: Stats
    ratio: Stats
    reference_runs: tuple[Run, ...]
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
    """The machine's limits, and the engine compared with them.

    `vision_over_floor`: seconds of a tile, as a multiple of those at the rate of the fastest product.
    `memory_share`: the rate at which decoding reads weights, as a share of a copy's rate, by case.
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
    cases: tuple[BenchCase, ...]
    limits: RooflineResult | None = None

    @property
    def ratios(self) -> dict[str, float]:
        return {case.name: case.ratio.median for case in self.cases if case.name in MIXES}

    @property
    def int8_gains(self) -> dict[str, Stats]:
        """How many times better the engine is in 8 bits than in its own precision, for every round."""
        engines = {case.name: case.engine.values for case in self.cases}
        return {
            name: quotients(values, engines[name + INT8]) for name, values in engines.items() if name + INT8 in engines
        }


def compared(name: str, measure: Measure, reference: Sequence[Measurement], engine: Sequence[Measurement]) -> BenchCase:
    reference_values = [value_of(measure, each) for each in reference]
    engine_values = [value_of(measure, each) for each in engine]
    over, under = (engine_values, reference_values) if measure.more_is_better else (reference_values, engine_values)
    return BenchCase(
        name=name,
        measure=measure,
        reference=Stats(tuple(reference_values)),
        engine=Stats(tuple(engine_values)),
        ratio=quotients(over, under),
        reference_runs=tuple(each.run for each in reference),
        engine_runs=tuple(each.run for each in engine),
    )


def value_of(measure: Measure, measurement: Measurement) -> float:
    run = measurement.run
    match measure:
        case Measure.SECONDS:
            return measurement.seconds / run.files
        case Measure.RATE:
            return run.tokens / (run.files * run.phases["generate"])
        case Measure.VISION:
            return run.files * run.phases["vision"] / run.tiles
        case Measure.START:
            return run.phases["load"] + run.phases["first picture"]


def mean_phases(runs: Sequence[Run]) -> dict[str, float]:
    """Seconds of a file by phase, over all rounds."""
    return {phase: sum(run.phases[phase] for run in runs) / len(runs) for phase in runs[0].phases}


def to_json(report: BenchResults) -> dict[str, Any]:
    """The whole report for programs; what was not measured is absent."""
    whole: dict[str, Any] = {
        "schema": 1,
        "ratios": {name: rounded(ratio) for name, ratio in report.ratios.items()},
        "machine": dict(report.machine),
        "model": dict(report.model),
        "options": dict(report.options),
        "cases": {case.name: case_to_json(case) for case in report.cases},
    }
    if report.int8_gains:
        whole["int8_gains"] = {name: stats_to_json(gain) for name, gain in report.int8_gains.items()}
    return whole if report.limits is None else whole | {"limits": roofline_to_json(report.limits)}


def case_to_json(case: BenchCase) -> dict[str, Any]:
    return {
        "measure": str(case.measure),
        "ratio": stats_to_json(case.ratio),
        "stock": stats_to_json(case.reference) | runs_to_json(case.reference_runs),
        "engine": stats_to_json(case.engine) | runs_to_json(case.engine_runs),
    }


def runs_to_json(runs: Sequence[Run]) -> dict[str, Any]:
    """The work of one round, and the mean seconds of a file by phase."""
    run = runs[0]
    return {
        "files": run.files,
        "tiles": run.tiles,
        "rows": run.rows,
        "tokens_in": run.tokens_in,
        "seconds": {phase: rounded(seconds) for phase, seconds in mean_phases(runs).items()},
    }


def roofline_to_json(limits: RooflineResult) -> dict[str, Any]:
    products = [
        {"dtype": product.dtype, "rows": product.rows, "inner": product.inner, "columns": product.columns}
        | {"teraflops": stats_to_json(product.teraflops)}
        for product in limits.products
    ]
    return {
        "products": products,
        "copy_gigabytes_a_second": stats_to_json(limits.copy_gigabytes),
        "vision": {
            "gigaflops_a_tile": rounded(limits.gigaflops_a_tile),
            "floor_seconds_a_tile": stats_to_json(limits.vision_floor),
            "over_floor": stats_to_json(limits.vision_over_floor),
        },
        "writing": {
            "weights_megabytes_a_token": rounded(limits.weights_megabytes_a_token),
            "memory_share": {name: rounded(share) for name, share in limits.memory_share.items()},
        },
    }


def stats_to_json(stats: Stats) -> dict[str, Any]:
    return {
        "median": rounded(stats.median),
        "min": rounded(stats.minimum),
        "max": rounded(stats.maximum),
        "values": [rounded(value) for value in stats.values],
    }


def rounded(value: float) -> float:
    """To DIGITS significant digits."""
    return float(f"{value:.{DIGITS}g}")
