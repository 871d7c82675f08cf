from __future__ import annotations

from daemon.worker.poison import PoisonDetector
from storage.lifecycle import Cause


def test_a_failure_is_the_models_own_at_first() -> None:
    blame = PoisonDetector()
    assert [blame.failed_on(1, most=3) for _ in range(2)] == [Cause.MODEL] * 2


def test_a_file_on_which_it_keeps_failing_steps_aside_and_is_not_charged_while_nothing_is_answered() -> None:
    blame = PoisonDetector()
    assert [blame.failed_on(1, most=3) for _ in range(20)] == [Cause.MODEL] * 2 + [Cause.ENVIRONMENT] * 18


def test_when_others_are_answered_meanwhile_it_is_the_files_fault() -> None:
    blame = PoisonDetector()
    for _ in range(3):
        blame.failed_on(1, most=3)
    blame.answered(2)
    assert blame.failed_on(1, most=3) is Cause.TRANSIENT


def test_an_answer_clears_a_file() -> None:
    blame = PoisonDetector()
    for _ in range(3):
        blame.failed_on(1, most=3)
    blame.answered(1)
    assert blame.failed_on(1, most=3) is Cause.MODEL
