"""The engine that the daemon runs against the stock loop: same weights, same process, turn by turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace

from config.settings import Settings
from daemon.evaluation.bench.cases import Ask, Group, Measure, Prepare, Task, chosen, smaller
from daemon.evaluation.bench.contestants import EngineContestant, ReferenceContestant
from daemon.evaluation.bench.interleave import Contestant, take_turns
from daemon.evaluation.bench.loaded_models import LoadedModels
from daemon.evaluation.bench.results import BenchResults, CaseResult, ProductResult, RooflineResult, compared
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
    tell: Callable[[str], None] = lambda _: None,
) -> BenchResults:
    """Everything, or the named `cases`; `quick` looks at every picture once. `tell` hears how far it is.

    Raises NotFoundError for a case that there is none of, ModelUnavailableError without weights, and EngineError when
    either side fails.
    """
    groups = chosen(cases)
    with closing(LoadedModels(settings)) as models:
        bench = Bench(models, tokens=tokens, rounds=rounds, tell=tell)
        for group in groups:
            bench.compare(quicker(group) if quick else group)
        return bench.report({"rounds": rounds, "tokens": tokens, "quick": quick})


def quicker(group: Group) -> Group:
    return replace(group, cases={name: smaller(task) for name, task in group.cases.items()})


class Bench:
    """Compares group after group, and reports on all of them."""

    def __init__(self, models: LoadedModels, *, tokens: int, rounds: int, tell: Callable[[str], None]) -> None:
        self._models, self._tokens, self._rounds, self._tell = models, tokens, rounds, tell
        self._limits = RooflineContestant(models)
        self._cases: list[CaseResult] = []

    def compare(self, group: Group) -> None:
        cases = {name: task for name, task in group.cases.items() if self._can(task)}
        self._tell(f"Measuring {', '.join(cases)}")
        sides: dict[str, Contestant] = {STOCK: self._side(group.stock, stock=True)}
        sides |= {name: self._side(task, stock=False) for name, task in cases.items()}
        if group.measure is Measure.VISION:
            sides[LIMITS] = self._limits
        turns = take_turns(sides, rounds=self._rounds, tell=self._tell)
        self._cases += [compared(name, group.measure, turns[STOCK], turns[name]) for name in cases]

    def _can(self, task: Task) -> bool:
        """Numbers of 8 bits are not for every machine."""
        return not isinstance(task, Ask) or task.precision != "int8" or self._models.has_int8

    def _side(self, task: Task, *, stock: bool) -> Contestant:
        if isinstance(task, Ask):
            side = ReferenceContestant if stock else EngineContestant
            return side(self._models, task, tokens=self._tokens)
        if isinstance(task, Prepare):
            return PrepareContestant(self._models, task, stock=stock)
        return StartContestant(self._models, stock=stock, tokens=self._tokens)

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
            limits=self._limits_report(),
        )

    def _limits_report(self) -> RooflineResult | None:
        vision = next((case for case in self._cases if case.measure is Measure.VISION), None)
        if vision is None or self._models.info is None:
            return None
        limits, needs = self._limits, self._limits.needs
        rates = limits.best_rates("f32" if self._models.info.dtype == "float32" else "bf16")
        floor = Stats(tuple(needs.operations_per_tile / rate for rate in rates.values))
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
            gigaflops_a_tile=needs.operations_per_tile / 1e9,
            vision_floor=floor,
            vision_over_floor=quotients(vision.engine.values, floor.values),
            weights_megabytes_a_token=needs.bytes_per_token / 1e6,
            memory_share=self._memory_shares(),
        )

    def _memory_shares(self) -> dict[str, float]:
        """All rows read the weights together, once a token."""
        return {
            case.name: case.engine.median
            / case.engine_runs[0].rows
            * self._limits.needs.bytes_per_token
            / self._limits.copies.median
            for case in self._cases
            if case.measure is Measure.RATE
        }
