from __future__ import annotations

from daemon.evaluation.metrics.comparison import compare
from daemon.evaluation.report.page import ComparisonView
from daemon.evaluation.report.regressions import comparison_view
from storage.evaluation.evaluation_records import CaseResult
from tests.support.reports import EARLIER, RUN, answered, results_of


def view(earlier: list[CaseResult], now: list[CaseResult]) -> ComparisonView:
    return comparison_view(compare(EARLIER, earlier, RUN, now), RUN, EARLIER)


def test_a_regression_is_named_with_its_interval_and_its_cases() -> None:
    found = view(results_of(40, wrong=0.0), results_of(40, wrong=1.0))
    assert found.summary.startswith("5 scores became worse.") or "scores became worse." in found.summary
    assert "dtype: float32 → bfloat16" in found.summary
    accuracy = next(row for row in found.certain.rows if row[:2] == ("all", "accuracy"))
    assert accuracy[2:] == ("100 %", "0 %", "−100 (−100 to −100)", "worse")
    assert found.changed is not None
    assert found.changed.rows[0][0].startswith("text/red-circle") or len(found.changed.rows) == 40


def test_equal_runs_have_no_regression() -> None:
    found = view(results_of(40), results_of(40))
    assert found.summary.startswith("Nothing became worse.")
    assert {row[-1] for row in found.certain.rows} == {"no certain change"}
    assert found.changed is None


def test_cases_that_one_run_alone_has_are_counted() -> None:
    found = view([answered(1)], [answered(1), answered(2)])
    assert "1 case only in run 7." in found.summary
