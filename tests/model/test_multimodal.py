"""The suites "text" and "multi-image" with the demo model: several pictures in one question, and none."""

from __future__ import annotations

from tests.model.conftest import Evaluated


def test_every_question_about_several_pictures_or_none_is_answered(evaluated: Evaluated) -> None:
    for result in [*evaluated("multi-image"), *evaluated("text")]:
        assert result.error is None
        assert result.answer
        assert result.checks


def test_pictures_in_another_order_get_another_answer(evaluated: Evaluated) -> None:
    (swapped,) = [result for result in evaluated("multi-image") if result.case == "swapped"]
    assert [check.passed for check in swapped.checks if check.kind == "differs_from"] == [True]
