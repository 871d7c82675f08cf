"""A run's scores, overall and by category, on the scales of the testing plan, each with its formula. Pure."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from daemon.evaluation.metrics.bootstrap import Interval, interval_of
from daemon.evaluation.metrics.coherence import FORMULA as COHERENCE_FORMULA
from storage.evaluation.evaluation_records import Aspect, CaseResult

#: The plan's targets: "description >= 7/10" and so on.
TARGETS = {"description": 7.0, "accuracy": 80.0, "instruction": 85.0, "coherence": 8.0}


@dataclass(frozen=True, kw_only=True)
class Score:
    """`interval` is on the scale of `unit`: "%" or "1-10"; None: no case counts for it."""

    name: str
    unit: str
    formula: str
    interval: Interval | None

    @property
    def value(self) -> float | None:
        return None if self.interval is None else self.interval.mean


@dataclass(frozen=True, kw_only=True)
class Measure:
    """`of`: the value of one result, None where the measure does not apply."""

    name: str
    unit: str
    formula: str
    of: Callable[[CaseResult], float | None]


def share_of(aspect: Aspect) -> Callable[[CaseResult], float | None]:
    def value(result: CaseResult) -> float | None:
        checks = [check for check in result.checks if check.aspect is aspect]
        total = sum(check.weight for check in checks)
        return 100 * sum(check.weight for check in checks if check.passed) / total if checks else None

    return value


def coherence(result: CaseResult) -> float | None:
    return result.metrics.get("coherence")


def description(result: CaseResult) -> float | None:
    """Only of answers that describe: those with reference captions."""
    share = share_of(Aspect.ACCURACY)(result)
    return None if share is None or not result.references else 1 + 9 * share / 100


def percent(text: str) -> str:
    return f"100 × passed / all, of the checks {text}; mean over the cases, by their weights"


MEASURES = (
    Measure(name="accuracy", unit="%", formula=percent("of facts"), of=share_of(Aspect.ACCURACY)),
    Measure(
        name="instruction",
        unit="%",
        formula=percent("of length and form"),
        of=share_of(Aspect.INSTRUCTION),
    ),
    Measure(
        name="no hallucination",
        unit="%",
        formula=percent("that nothing else is named"),
        of=share_of(Aspect.HALLUCINATION),
    ),
    Measure(
        name="control",
        unit="%",
        formula=percent("that another input gets another answer"),
        of=share_of(Aspect.CONTROL),
    ),
    Measure(
        name="description",
        unit="1-10",
        formula="1 + 9 × share of the facts that passed, of answers with reference captions",
        of=description,
    ),
    Measure(name="coherence", unit="1-10", formula=COHERENCE_FORMULA, of=coherence),
)


def scores_of(results: Iterable[CaseResult]) -> list[Score]:
    """Every measure over all cases. Repeats of a case count as one, by their mean."""
    cases = repeats_by_case(results)
    return [
        Score(name=each.name, unit=each.unit, formula=each.formula, interval=interval_over(cases, each.of))
        for each in MEASURES
    ]


def scores_by_category(results: Iterable[CaseResult]) -> dict[str, list[Score]]:
    """The same for each category, in the order in which they come."""
    found: dict[str, list[CaseResult]] = {}
    for result in results:
        found.setdefault(result.category, []).append(result)
    return {category: scores_of(several) for category, several in found.items()}


def repeats_by_case(results: Iterable[CaseResult]) -> dict[Hashable, list[CaseResult]]:
    """By (suite, case), without those that were skipped."""
    found: dict[Hashable, list[CaseResult]] = {}
    for result in results:
        if result.skipped is None:
            found.setdefault((result.suite, result.case), []).append(result)
    return found


def interval_over(
    cases: dict[Hashable, list[CaseResult]], value: Callable[[CaseResult], float | None]
) -> Interval | None:
    counted = [(mean, several[0].weight) for several in cases.values() if (mean := mean_of(several, value)) is not None]
    return interval_of([mean for mean, _ in counted], [weight for _, weight in counted])


def mean_of(several: Sequence[CaseResult], value: Callable[[CaseResult], float | None]) -> float | None:
    values = [found for result in several if (found := value(result)) is not None]
    return fmean(values) if values else None
