from __future__ import annotations

from typing import Any

import pytest

from daemon.evaluation.metrics.answer_checks import check_answer, check_refusal, score_of
from daemon.evaluation.suites.suite import CHECKS, Case
from storage.evaluation.evaluation_records import Aspect

SHAPES = ["circle", "square", "star"]


def passes(answer: str, others: dict[str, str] | None = None, **checks: Any) -> bool:
    (verdict,) = check_answer(Case(name="case", ask="What?", **checks), answer, others=others or {})
    assert verdict.reason.endswith(".")
    return verdict.passed


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        ({"contains": "dog|puppy"}, "A puppy.", "A cat."),
        ({"any_of": ["dog", "cat"]}, "A cat.", "A bird."),
        ({"all_of": ["dog", "cat"]}, "A cat and a dog.", "A cat."),
        ({"regex": "(?i)^no"}, "No.", "Yes, no."),
        ({"number": 105}, "15 x 7 = 105", "It is 150."),
        ({"number": 10, "tolerance": 0.5}, "About 10.4.", "About 10.6."),
        ({"order": ["red", "blue"]}, "Red, then blue.", "Blue, then red."),
        ({"order": ["red", "blue"]}, "Red, then blue.", "Only red."),
        ({"not_contains": ["dog"]}, "A cat.", "A dog."),
        ({"only": ["circle"], "among": SHAPES}, "A circle.", "A circle and a star."),
        ({"words": [2, 3]}, "Two words.", "One."),
        ({"characters": [1, 5]}, "Red.", "Yellow."),
        ({"sentences": [1, 1]}, "It is red.", "It is red. It is round."),
    ],
)
def test_a_check_tells_a_good_answer_from_a_bad_one(check: dict[str, Any], good: str, bad: str) -> None:
    assert passes(good, **check)
    assert not passes(bad, **check)


def test_every_kind_of_check_is_implemented() -> None:
    tried = {"facts": {"colour": "red"}, "number": 1.0, "words": [1, 1], "characters": [1, 1], "sentences": [1, 1]}
    others = dict.fromkeys(("contains", "regex", "differs_from", "refused"), "x")
    lists = {"any_of": ["x"], "all_of": ["x"], "not_contains": ["x"], "only": [], "among": ["x"], "order": ["x", "y"]}
    whole = Case(name="case", ask="What?", contains="x").model_copy(update={**tried, **others, **lists})
    assert {verdict.kind for verdict in check_answer(whole, "x")} == set(CHECKS)


def test_each_fact_is_a_check_of_its_own() -> None:
    case = Case(name="case", ask="What?", facts={"colour": "red", "shape": "circle", "place": "center|middle"})
    verdicts = check_answer(case, "A red star in the middle.")
    assert [verdict.passed for verdict in verdicts] == [True, False, True]
    assert score_of(verdicts) == pytest.approx(2 / 3)


def test_a_control_compares_with_the_answer_of_another_case() -> None:
    assert passes("It moves left.", {"forwards": "It moves right."}, differs_from="forwards")
    assert not passes("it moves RIGHT", {"forwards": "It moves right."}, differs_from="forwards")
    assert not passes("It moves left.", {}, differs_from="forwards")


def test_a_file_that_must_be_refused_passes_only_with_the_right_reason() -> None:
    case = Case(name="case", ask="What?", refused="empty")
    assert check_refusal(case, "The file is empty.")[0].passed
    assert not check_refusal(case, "The file is damaged.")[0].passed
    assert not check_answer(case, "A red circle.")[0].passed


def test_checks_count_for_what_they_are_about() -> None:
    case = Case(name="case", ask="What?", contains="a", words=[1, 2], not_contains=["b"], differs_from="other")
    aspects = {verdict.kind: verdict.aspect for verdict in check_answer(case, "a")}
    assert aspects == {
        "contains": Aspect.ACCURACY,
        "words": Aspect.INSTRUCTION,
        "not_contains": Aspect.HALLUCINATION,
        "differs_from": Aspect.CONTROL,
    }


def test_without_checks_the_score_is_whole() -> None:
    assert score_of(()) == 1
