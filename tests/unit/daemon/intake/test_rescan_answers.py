from __future__ import annotations

import pytest

from daemon.intake.rescan_answers import RescanAnswers
from storage.commands.requests import Answer
from storage.errors import TransientError

COUNTS = {"seen": 3, "left": 0, "compared": 2, "changed": 1, "restored": 0}
LISTED = Answer(result={"id": "7", "compare": True, **COUNTS})
MISSING = Answer(error="The inbox cannot be listed now: inbox missing", advice="Later.")


def test_one_answer_adds_up_those_of_all_inboxes() -> None:
    given: dict[int, Answer] = {}
    answers = RescanAnswers(["a", "b"], given.__setitem__)
    answers.answer_for("b", 7, LISTED)
    assert given == {}
    answers.answer_for("a", 7, LISTED)
    doubled = {key: 2 * count for key, count in COUNTS.items()}
    assert given == {7: Answer(result={"id": "7", "compare": True, **doubled})}


def test_the_only_inbox_answers_for_itself() -> None:
    given: dict[int, Answer] = {}
    RescanAnswers(["a"], given.__setitem__).answer_for("a", 7, MISSING)
    assert given == {7: MISSING}


def test_an_inbox_that_is_missing_is_named_beside_what_was_found_in_the_others() -> None:
    given: dict[int, Answer] = {}
    answers = RescanAnswers(["a", "b"], given.__setitem__)
    answers.answer_for("a", 7, MISSING)
    answers.answer_for("b", 7, LISTED)
    result = given[7].result_or_raise()
    assert result["seen"] == 3
    assert result["problems"] == ["a: The inbox cannot be listed now: inbox missing Later."]


def test_it_is_an_error_when_none_could_be_listed() -> None:
    given: dict[int, Answer] = {}
    answers = RescanAnswers(["a", "b"], given.__setitem__)
    answers.answer_for("a", 7, MISSING)
    answers.answer_for("b", 7, MISSING)
    assert given == {7: MISSING}


def test_two_rescans_are_answered_apart() -> None:
    given: dict[int, Answer] = {}
    answers = RescanAnswers(["a", "b"], given.__setitem__)
    answers.answer_for("a", 7, LISTED)
    answers.answer_for("a", 8, LISTED)
    answers.answer_for("b", 8, LISTED)
    assert list(given) == [8]


def test_an_answer_that_could_not_be_stored_is_given_again_by_the_inbox_that_came_last() -> None:
    given: dict[int, Answer] = {}
    failures = [TransientError("locked")]

    def answer(command_id: int, whole: Answer) -> None:
        if failures:
            raise failures.pop()
        given[command_id] = whole

    answers = RescanAnswers(["a", "b"], answer)
    answers.answer_for("a", 7, LISTED)
    with pytest.raises(TransientError):
        answers.answer_for("b", 7, LISTED)
    answers.answer_for("b", 7, LISTED)
    assert given[7].result_or_raise()["seen"] == 6
