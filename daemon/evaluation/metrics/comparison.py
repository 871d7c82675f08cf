"""Compares two runs, case by case and by category, with paired intervals. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

from daemon.evaluation.metrics.bootstrap import Interval, interval_of
from daemon.evaluation.metrics.run_scores import MEASURES, Measure, mean_of, repeats_by_case
from storage.evaluation.evaluation_records import CaseResult, EvaluationRun

#: In what two runs may differ, for people.
DIFFERING = (
    "model_id",
    "revision",
    "weights_digest",
    "engine",
    "device",
    "dtype",
    "detail",
    "suites_digest",
    "machine",
)


@dataclass(frozen=True, kw_only=True)
class Change:
    """A measure in one category ("" for all): this run less the earlier one, over the cases that both have.

    A regression is certain at 95 %: the whole interval is below zero. An improvement likewise, above.
    """

    category: str
    measure: str
    unit: str
    earlier: float
    now: float
    interval: Interval

    @property
    def is_regression(self) -> bool:
        return self.interval.high < 0

    @property
    def is_improvement(self) -> bool:
        return self.interval.low > 0


@dataclass(frozen=True, kw_only=True)
class CaseChange:
    """A case whose mean score (0 to 1) or whose answer changed."""

    suite: str
    case: str
    earlier_score: float
    score: float
    earlier_answer: str
    answer: str


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """`differences`: what differs between the runs themselves, such as "engine: torch → echo".

    `shared`: how many cases both have; `cases`: those of them that changed.
    """

    shared: int
    differences: tuple[str, ...]
    changes: tuple[Change, ...]
    cases: tuple[CaseChange, ...]
    only_earlier: int
    only_now: int

    @property
    def regressions(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.is_regression)


def compare(
    earlier_run: EvaluationRun, earlier: Iterable[CaseResult], run: EvaluationRun, now: Iterable[CaseResult]
) -> Comparison:
    before, after = repeats_by_case(earlier), repeats_by_case(now)
    shared = [key for key in after if key in before]
    categories = list(dict.fromkeys(after[key][0].category for key in shared))
    changes = [
        change
        for category in ("", *categories)
        for measure in MEASURES
        if (change := change_of(category, measure, before, after, shared)) is not None
    ]
    return Comparison(
        shared=len(shared),
        differences=differences_of(earlier_run, run),
        changes=tuple(changes),
        cases=tuple(case for key in shared if (case := case_change(before[key], after[key])) is not None),
        only_earlier=len(before.keys() - after.keys()),
        only_now=len(after.keys() - before.keys()),
    )


Cases = dict[Hashable, list[CaseResult]]


def change_of(category: str, measure: Measure, before: Cases, after: Cases, shared: list[Hashable]) -> Change | None:
    pairs = []
    for key in shared:
        if category in ("", after[key][0].category):
            old, new = mean_of(before[key], measure.of), mean_of(after[key], measure.of)
            if old is not None and new is not None:
                pairs.append((old, new, after[key][0].weight))
    interval = interval_of([new - old for old, new, _ in pairs], [weight for *_, weight in pairs])
    if interval is None:
        return None
    total = sum(weight for *_, weight in pairs)
    return Change(
        category=category,
        measure=measure.name,
        unit=measure.unit,
        earlier=sum(old * weight for old, _, weight in pairs) / total,
        now=sum(new * weight for _, new, weight in pairs) / total,
        interval=interval,
    )


def case_change(before: list[CaseResult], after: list[CaseResult]) -> CaseChange | None:
    old, new = (sum(result.score for result in several) / len(several) for several in (before, after))
    if old == new and before[0].answer == after[0].answer:
        return None
    return CaseChange(
        suite=after[0].suite,
        case=after[0].case,
        earlier_score=old,
        score=new,
        earlier_answer=before[0].answer or before[0].error or "",
        answer=after[0].answer or after[0].error or "",
    )


def differences_of(earlier: EvaluationRun, run: EvaluationRun) -> tuple[str, ...]:
    found = []
    for name in DIFFERING:
        old, new = getattr(earlier, name), getattr(run, name)
        if old != new:
            found.append("another machine" if name == "machine" else f"{name.replace('_', ' ')}: {old} → {new}")
    return tuple(found)
