"""Two runs are compared case by case; what is certain is flagged, with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from daemon.evaluation.metrics.comparison import Comparison, compare
from storage.evaluation.evaluation_records import CaseResult, EvaluationRun
from tests.fakes.clock import START
from tests.support.evaluations import NEW_RUN, RESULT

RUN = EvaluationRun(**{name: getattr(NEW_RUN, name) for name in NEW_RUN.__dataclass_fields__}, id=1, started_at=START)


def results(right: Sequence[bool], category: str = "image") -> list[CaseResult]:
    check = RESULT.checks[0]
    return [
        replace(RESULT, case=f"case-{k}", category=category, checks=(replace(check, passed=each),), score=float(each))
        for k, each in enumerate(right)
    ]


def compared(earlier: Sequence[CaseResult], now: Sequence[CaseResult]) -> Comparison:
    return compare(RUN, earlier, replace(RUN, id=2), now)


def test_equal_runs_show_nothing() -> None:
    both = results([True, False] * 10)
    found = compared(both, both)
    assert found.regressions == ()
    assert not any(change.is_improvement for change in found.changes)
    assert (found.cases, found.differences) == ((), ())
    assert found.shared == 20


def test_a_run_that_is_worse_in_most_cases_is_a_regression_with_its_interval() -> None:
    found = compared(results([True] * 20), results([True] * 6 + [False] * 14))
    (whole,) = [change for change in found.regressions if not change.category and change.measure == "accuracy"]
    assert (whole.earlier, whole.now) == (100, 30)
    assert whole.interval.low < -70 < whole.interval.high < 0
    assert len(found.cases) == 14


def test_one_worse_case_of_many_is_not_certain() -> None:
    found = compared(results([True] * 20), results([True] * 19 + [False]))
    assert found.regressions == ()
    assert [case.case for case in found.cases] == ["case-19"]


def test_an_improvement_is_no_regression() -> None:
    found = compared(results([False] * 20), results([True] * 20))
    assert found.regressions == ()
    assert any(change.is_improvement for change in found.changes)


def test_only_cases_of_both_runs_are_compared() -> None:
    found = compared(results([True] * 3), results([True] * 5))
    assert (found.shared, found.only_earlier, found.only_now) == (3, 0, 2)


def test_what_differs_between_the_runs_is_named() -> None:
    other = replace(RUN, id=2, engine="echo", machine={"cpu": "another"})
    assert compare(RUN, [], other, []).differences == ("engine: torch → echo", "another machine")
