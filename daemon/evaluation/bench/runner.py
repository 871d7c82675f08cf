"""The daemon's engine against the stock loop: same weights, same process, interleaved."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace

from config.settings import Settings
from daemon.evaluation.bench.cases import Ask, Group, Measure, Prepare, Task, choose_groups, without_copies
from daemon.evaluation.bench.contestants import EngineContestant, ReferenceContestant
from daemon.evaluation.bench.interleave import Contestant, interleave
from daemon.evaluation.bench.loaded_models import LoadedModels
from daemon.evaluation.bench.results import BenchCase, BenchResults, ProductResult, RooflineResult, compared
from daemon.evaluation.bench.startup import PrepareContestant, RooflineContestant, StartContestant
from daemon.evaluation.bench.stats import Stats, quotients
from daemon.evaluation.machine import machine_facts

STOCK, LIMITS = "stock", "limits"


def measure(
    settings: Settings,
    *,
    cases: Sequence[str] = (),
    rounds: int = 3,
    tokens: int = 64,
    quick: bool = False,
    on_progress: Callable[[str], None] = lambda _: None,
) -> BenchResults:
    """Measures all cases, or the named ones; `quick` uses every picture once. `on_progress` gets lines of text.

    Raises NotFoundError for an unknown case, ModelUnavailableError without weights, and EngineError when a contestant
    fails.
    """
    groups = choose_groups(cases)
    with closing(LoadedModels(settings)) as models:
        bench = Bench(models, tokens=tokens, rounds=rounds, on_progress=on_progress)
        for group in groups:
            bench.compare(quick_group(group) if quick else group)
        return bench.report({"rounds": rounds, "tokens": tokens, "quick": quick})


def quick_group(group: Group) -> Group:
    return replace(group, cases={name: without_copies(task) for name, task in group.cases.items()})


class Bench:
    """Compares group after group, and reports on all of them."""

    def __init__(self, models: LoadedModels, *, tokens: int, rounds: int, on_progress: Callable[[str], None]) -> None:
        self._models, self._tokens, self._rounds, self._on_progress = models, tokens, rounds, on_progress
        self._roofline = RooflineContestant(models)
        self._cases: list[BenchCase] = []

    def compare(self, group: Group) -> None:
        cases = {name: task for name, task in group.cases.items() if self._is_supported(task)}
        self._on_progress(f"Measuring {', '.join(cases)}")
        contestants: dict[str, Contestant] = {STOCK: self._contestant(group.reference, reference=True)}
        contestants |= {name: self._contestant(task, reference=False) for name, task in cases.items()}
        if group.measure is Measure.VISION:
            contestants[LIMITS] = self._roofline
        measurements = interleave(contestants, rounds=self._rounds, on_progress=self._on_progress)
        self._cases += [compared(name, group.measure, measurements[STOCK], measurements[name]) for name in cases]

    def _is_supported(self, task: Task) -> bool:
        """Not every machine supports int8."""
        return not isinstance(task, Ask) or task.precision != "int8" or self._models.has_int8

    def _contestant(self, task: Task, *, reference: bool) -> Contestant:
        if isinstance(task, Ask):
            contestant = ReferenceContestant if reference else EngineContestant
            return contestant(self._models, task, tokens=self._tokens)
        if isinstance(task, Prepare):
            return PrepareContestant(self._models, task, reference=reference)
        return StartContestant(self._models, reference=reference, tokens=self._tokens)

    def report(self, options: Mapping[str, object]) -> BenchResults:
        folder, info = self._models.folder, self._models.info
        model: dict[str, object] = {"id": folder.id, "revision": folder.revision, "bytes": folder.bytes}
        if info is not None:
            model |= {"engine": info.engine, "device": info.device, "dtype": info.dtype}
        return BenchResults(
            machine=machine_facts(self._models.device_name),
            model=model,
            options=options,
            cases=tuple(self._cases),
            limits=self._roofline_result(),
        )

    def _roofline_result(self) -> RooflineResult | None:
        vision = next((case for case in self._cases if case.measure is Measure.VISION), None)
        if vision is None or self._models.info is None:
            return None
        limits, cost = self._roofline, self._roofline.cost
        rates = limits.best_rates("f32" if self._models.info.dtype == "float32" else "bf16")
        floor = Stats(tuple(cost.operations_per_tile / rate for rate in rates.values))
        return RooflineResult(
            products=tuple(
                ProductResult(
                    dtype=product.dtype,
                    rows=product.rows,
                    inner=product.inner,
                    columns=product.columns,
                    teraflops=rates.scaled(1e-12),
                )
                for product, rates in limits.products.items()
            ),
            copy_gigabytes=limits.copies.scaled(1e-9),
            gigaflops_a_tile=cost.operations_per_tile / 1e9,
            vision_floor=floor,
            vision_over_floor=quotients(vision.engine.values, floor.values),
            weights_megabytes_a_token=cost.bytes_per_token / 1e6,
            memory_share=self._memory_shares(),
        )

    def _memory_shares(self) -> dict[str, float]:
        """A batch reads the weights once a token, for all its sequences."""
        return {
            case.name: case.engine.median
            / case.engine_runs[0].rows
            * self._roofline.cost.bytes_per_token
            / self._roofline.copies.median
            for case in self._cases
            if case.measure is Measure.RATE
        }
