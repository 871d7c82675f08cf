from __future__ import annotations

from pathlib import Path

from daemon.evaluation.suites.suite import Case, Suite, suites_digest

FIRST = Case(name="first", ask="What?", contains="dog")
OTHER = Case(name="other", ask="What?", contains="cat")
COMPARED = Case(name="compared", ask="What?", differs_from="other")


def suite(*cases: Case) -> Suite:
    return Suite(name="mine", description="Mine", cases=cases, media_folder=Path("/"))


def test_a_limit_keeps_the_first_cases_and_those_they_are_compared_with() -> None:
    assert suite(FIRST, OTHER, COMPARED).limited(1).cases == (FIRST,)
    assert suite(COMPARED, FIRST, OTHER).limited(1).cases == (COMPARED, OTHER)
    assert suite(FIRST, OTHER).limited(None).cases == (FIRST, OTHER)


def test_the_digest_changes_with_a_question() -> None:
    changed = FIRST.model_copy(update={"ask": "Who?"})
    assert suites_digest([suite(FIRST)]) == suites_digest([suite(FIRST)])
    assert suites_digest([suite(FIRST)]) != suites_digest([suite(changed)])
