"""The suite "image" with the demo model: what it describes, in every format and size."""

from __future__ import annotations

from daemon.evaluation.metrics.run_scores import TARGETS, scores_by_category
from tests.model.conftest import Evaluated


def test_descriptions_reach_the_target_of_the_plan(evaluated: Evaluated) -> None:
    scores = {score.name: score.value for score in scores_by_category(evaluated("image"))["description"]}
    assert (scores["description"] or 0) >= TARGETS["description"]
    assert (scores["accuracy"] or 0) >= TARGETS["accuracy"]
    assert (scores["coherence"] or 0) >= TARGETS["coherence"]


def test_the_same_drawing_is_described_in_every_format(evaluated: Evaluated) -> None:
    formats = [
        result for result in evaluated("image") if result.case.startswith("red-circle-") and "1.4" in result.plan
    ]
    assert {result.inputs[0].partition(".")[2] for result in formats} == {"jpg", "png", "webp", "heic"}
    assert {result.answer for result in formats} == {"A large red circle in the center on a white background."}


def test_another_picture_gets_another_answer(evaluated: Evaluated) -> None:
    (score,) = [s for s in scores_by_category(evaluated("image"))["controls"] if s.name == "control"]
    assert score.value == 100


def test_a_file_and_the_same_from_a_url_are_equal(evaluated: Evaluated) -> None:
    (result,) = [result for result in evaluated("image") if result.case == "url-and-file"]
    assert [check.passed for check in result.checks] == [True]
