from __future__ import annotations

from dataclasses import replace

import pytest

from daemon.evaluation.metrics.consistency import agreement, consistencies, likeness
from tests.support.evaluations import RESULT

GREEDY = replace(RESULT, seed=None, temperature=0.0, answer="A red circle.", score=1.0)


def test_equal_answers_agree_whatever_their_signs() -> None:
    assert agreement(["A red circle.", "a red circle"]) == 1
    assert agreement(["A red circle.", "A red circle.", "A star."]) == pytest.approx(1 / 3)
    assert agreement(["Red."]) == 1


def test_likeness_is_the_share_of_words_in_common() -> None:
    assert likeness(["a red circle", "a blue circle"]) == pytest.approx(0.5)
    assert likeness(["", ""]) == 1


def test_repeats_are_grouped_by_temperature_and_seed() -> None:
    sampled = [replace(RESULT, case="s", repeat=k, seed=k, score=k % 2, answer=f"Word {k}.") for k in range(4)]
    fixed = [replace(RESULT, case="f", repeat=k, seed=5, answer="Same.") for k in range(2)]
    found = consistencies([replace(GREEDY, repeat=0), replace(GREEDY, repeat=1), *sampled, *fixed])
    assert [(each.temperature, each.has_one_seed, each.cases, each.repeats) for each in found] == [
        (0.0, True, 1, 2),
        (1.0, False, 1, 4),
        (1.0, True, 1, 2),
    ]
    assert [each.agreement for each in found] == [1, 0, 1]
    assert found[1].variance == pytest.approx(0.25)


def test_cases_that_were_asked_once_or_failed_do_not_count() -> None:
    assert consistencies([GREEDY, replace(GREEDY, repeat=1, error="The model failed.")]) == []
