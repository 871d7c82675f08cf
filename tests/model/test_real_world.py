"""Suites about the real world, photographs among them, with the demo model, which was not trained on them."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from daemon.evaluation.metrics.run_scores import scores_by_category
from tests.model.conftest import Evaluated

SUITES = ("educational", "creative", "accessibility")


@pytest.mark.parametrize("suite", SUITES)
def test_every_case_is_asked_and_judged(evaluated: Evaluated, suite: str) -> None:
    results = evaluated(suite)
    assert len(results) >= 5
    assert all(result.checks and result.error is None for result in results)
    assert all(any(row.startswith("4.") for row in result.plan) for result in results)


def test_alt_text_keeps_to_its_length(evaluated: Evaluated) -> None:
    scores = {score.name: score.value for score in scores_by_category(evaluated("accessibility"))["alt text"]}
    assert scores["instruction"] == 100


def test_photographs_are_answered_or_the_extra_is_named(evaluated: Evaluated) -> None:
    """The demo model's answers about them are wrong; that every file is opened and asked about is not."""
    results = evaluated("photographs")
    assert len(results) == 6
    for result in results:
        assert result.error is None
        if find_spec("skimage") is None:
            assert "smolwatch[photographs]" in (result.skipped or "")
        else:
            assert result.answer
            assert result.thumbnail
