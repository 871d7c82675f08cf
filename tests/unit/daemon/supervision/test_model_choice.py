from __future__ import annotations

import pytest

from daemon.supervision.model_choice import SERVE_SECONDS, Model, ModelChoice

SHORT, LONG = 1.0, SERVE_SECONDS


def replaced(
    choice: ModelChoice, waiting: dict[Model, int], *, model: Model = "a", is_idle: bool = False, seconds: float = LONG
) -> bool:
    return choice.is_replaced(model, waiting, is_idle=is_idle, seconds=seconds)


def test_without_jobs_the_next_worker_serves_the_model_of_the_settings() -> None:
    assert ModelChoice().first({}) is None


def test_the_job_with_the_first_priority_decides_the_model() -> None:
    assert ModelChoice().first({"a": 10, None: 0, "b": 5}) is None


def test_a_model_that_fails_comes_last_until_it_answers() -> None:
    choice = ModelChoice()
    choice.record_failure("a")
    assert choice.first({"a": 0, "b": 10}) == "b"
    assert choice.first({"a": 0}) == "a"
    choice.record_answer("a")
    assert choice.first({"a": 0, "b": 10}) == "a"


def test_an_idle_worker_is_replaced_at_once_when_only_others_have_jobs() -> None:
    assert replaced(ModelChoice(), {"b": 10}, is_idle=True, seconds=SHORT)
    assert not replaced(ModelChoice(), {"b": 10}, is_idle=False), "it still describes its last files"


@pytest.mark.parametrize("waiting", [{}, {"a": 0}, {"a": 0, "b": 0}, {"a": 0, "b": 10}])
def test_a_worker_stays_while_no_job_comes_before_its_own(waiting: dict[Model, int]) -> None:
    assert not replaced(ModelChoice(), waiting)


def test_it_makes_room_for_jobs_that_come_first_but_only_after_a_while() -> None:
    assert not replaced(ModelChoice(), {"a": 10, "b": 0}, seconds=SHORT)
    assert replaced(ModelChoice(), {"a": 10, "b": 0})


def test_a_worker_that_cannot_load_its_model_blocks_no_other() -> None:
    choice = ModelChoice()
    choice.record_failure("a")
    assert replaced(choice, {"a": 0, "b": 10}, is_idle=True, seconds=SHORT)
    choice.record_failure("b")
    assert not replaced(choice, {"a": 0, "b": 10}, is_idle=True, seconds=SHORT), "two that fail take turns slowly"
    assert replaced(choice, {"a": 0, "b": 10}, is_idle=True)
