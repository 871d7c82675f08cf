from __future__ import annotations

from daemon.worker.poison import PoisonDetector
from storage.lifecycle import Cause


def test_the_first_failures_are_the_models() -> None:
    poison = PoisonDetector()
    assert [poison.record_failure(1, max_attempts=3) for _ in range(2)] == [Cause.MODEL] * 2


def test_a_file_on_which_the_model_keeps_failing_waits_uncharged_while_nothing_is_answered() -> None:
    poison = PoisonDetector()
    assert [poison.record_failure(1, max_attempts=3) for _ in range(20)] == [Cause.MODEL] * 2 + [Cause.ENVIRONMENT] * 18


def test_a_file_is_charged_when_others_are_answered_in_between() -> None:
    poison = PoisonDetector()
    for _ in range(3):
        poison.record_failure(1, max_attempts=3)
    poison.record_answer(2)
    assert poison.record_failure(1, max_attempts=3) is Cause.TRANSIENT


def test_an_answer_resets_the_files_failures() -> None:
    poison = PoisonDetector()
    for _ in range(3):
        poison.record_failure(1, max_attempts=3)
    poison.record_answer(1)
    assert poison.record_failure(1, max_attempts=3) is Cause.MODEL
