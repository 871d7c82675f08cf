"""The suite "video" with the demo model: what happens, in which order, and the controls."""

from __future__ import annotations

from daemon.evaluation.metrics.run_scores import TARGETS, scores_by_category
from tests.model.conftest import Evaluated


def test_summaries_reach_the_target_of_the_plan(evaluated: Evaluated) -> None:
    scores = {score.name: score.value for score in scores_by_category(evaluated("video"))["summary"]}
    assert (scores["accuracy"] or 0) >= TARGETS["accuracy"]


def test_a_clip_backwards_or_blank_gets_another_answer(evaluated: Evaluated) -> None:
    (score,) = [s for s in scores_by_category(evaluated("video"))["controls"] if s.name == "control"]
    assert score.value == 100


def test_the_five_questions_of_the_plan_are_asked(evaluated: Evaluated) -> None:
    asked = [result for result in evaluated("video") if result.plan == ("2.5",)]
    assert len(asked) == 5
    assert all(result.answer for result in asked)
