"""A run's scores are what an independent count of its checks gives."""

from __future__ import annotations

from dataclasses import replace

import pytest

from daemon.evaluation.metrics.run_scores import scores_by_category, scores_of
from storage.evaluation.evaluation_records import Aspect, CaseResult, CheckVerdict
from tests.support.evaluations import RESULT


def result(
    case: str, *passed: bool, aspect: Aspect = Aspect.ACCURACY, weight: float = 1.0, repeat: int = 0
) -> CaseResult:
    checks = tuple(
        CheckVerdict(kind="contains", expected="", aspect=aspect, passed=each, reason="It is so.") for each in passed
    )
    return replace(RESULT, case=case, checks=checks, weight=weight, repeat=repeat, score=0.0)


def value(name: str, *results: CaseResult) -> float | None:
    return next(score.value for score in scores_of(results) if score.name == name)


def test_accuracy_is_the_weighted_mean_over_the_cases() -> None:
    results = (result("a", True, False), result("b", True, weight=3))
    assert value("accuracy", *results) == pytest.approx((50 + 3 * 100) / 4)


def test_repeats_of_a_case_count_as_one() -> None:
    results = [result("a", True, repeat=k) for k in range(9)] + [result("b", False)]
    assert value("accuracy", *results) == pytest.approx(50)


def test_each_aspect_has_its_own_score() -> None:
    results = (result("a", True), result("b", False, aspect=Aspect.INSTRUCTION))
    assert (value("accuracy", *results), value("instruction", *results), value("control", *results)) == (100, 0, None)


def test_a_failed_measurement_is_no_wrong_fact() -> None:
    assert value("accuracy", result("a", False, aspect=Aspect.MEASUREMENT)) is None


def test_what_was_not_tried_counts_nowhere() -> None:
    assert value("accuracy", replace(result("a", False), skipped="It needs an extra.")) is None


def test_descriptions_are_on_the_scale_of_the_plan() -> None:
    assert value("description", result("a", True, False)) == pytest.approx(5.5)
    assert value("description", replace(result("a", True), references=())) is None


def test_categories_have_scores_of_their_own() -> None:
    found = scores_by_category([result("a", True), replace(result("b", False), category="video")])
    assert {name: scores[0].value for name, scores in found.items()} == {"image": 100, "video": 0}


def test_every_score_shows_its_formula() -> None:
    assert all(score.formula and score.unit for score in scores_of([RESULT]))
