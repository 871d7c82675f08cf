from __future__ import annotations

from dataclasses import replace

import pytest

from config.errors import NotFoundError
from daemon.evaluation.bench.matrix import SUITE
from daemon.evaluation.report.run_choice import choose_runs
from tests.support.reports import RUN

NEWEST = replace(RUN, id=9)
OTHER_CASES = replace(RUN, id=8, suites_digest="others")
MATRIX = replace(RUN, id=7, suites=(SUITE,), suites_digest="matrix")
FIRST = replace(RUN, id=3)
RUNS = [NEWEST, OTHER_CASES, MATRIX, FIRST]


def test_without_runs_it_says_what_to_type() -> None:
    with pytest.raises(NotFoundError) as raised:
        choose_runs([])
    assert raised.value.advice == "Make one with: smolwatch evaluate"


def test_the_newest_evaluation_is_compared_with_the_newest_before_that_asked_the_same() -> None:
    choice = choose_runs(RUNS)
    assert (choice.subject, choice.measured, choice.earlier) == (NEWEST, (MATRIX,), FIRST)


def test_the_matrix_alone_can_be_reported() -> None:
    choice = choose_runs([MATRIX])
    assert (choice.subject, choice.measured, choice.earlier) == (MATRIX, (MATRIX,), None)


def test_only_the_wanted_runs_are_reported_the_first_as_the_subject() -> None:
    choice = choose_runs(RUNS, [3, 8])
    assert (choice.subject, choice.measured, choice.earlier) == (FIRST, (), OTHER_CASES)


def test_an_unknown_run_is_answered_with_the_known_ones() -> None:
    with pytest.raises(NotFoundError, match="no evaluation 4") as raised:
        choose_runs(RUNS, [4])
    assert raised.value.advice == "There are: 3, 7, 8, 9"
