from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.retry import Action, backoff, decide
from storage.lifecycle import Cause
from tests.fakes.clock import START


def action(cause: Cause, code: str = "any", attempts: int = 1) -> Action:
    return decide(cause, code, attempts, 3, START, lambda: 1.0).action


def test_the_files_own_fault_is_final() -> None:
    assert action(Cause.INPUT, "unreadable") is Action.FAIL


def test_a_file_that_is_none_of_ours_is_skipped() -> None:
    assert action(Cause.INPUT, "not-allowed") is Action.SKIP
    assert action(Cause.INPUT, "not-regular") is Action.SKIP


def test_the_models_fault_is_never_charged() -> None:
    assert action(Cause.MODEL, attempts=3) is Action.RELEASE


@pytest.mark.parametrize("cause", [Cause.TRANSIENT, Cause.ENVIRONMENT])
def test_what_may_pass_is_tried_again_until_the_attempts_are_used_up(cause: Cause) -> None:
    assert [action(cause, attempts=n) for n in (1, 2, 3)] == [Action.RETRY, Action.RETRY, Action.FAIL]


@pytest.mark.parametrize("code", ["gone", "changed"])
def test_bytes_that_are_no_longer_there_end_the_job(code: str) -> None:
    assert action(Cause.TRANSIENT, code) is Action.GONE


def test_only_a_retry_has_a_time() -> None:
    assert decide(Cause.INPUT, "x", 1, 3, START, lambda: 1.0).not_before is None
    retry = decide(Cause.TRANSIENT, "x", 2, 3, START, lambda: 1.0)
    assert retry.not_before is not None
    assert (retry.not_before - START).total_seconds() == 40


@given(attempts=st.integers(0, 10_000), chance=st.floats(0, 1))
def test_the_wait_is_between_half_and_all_of_its_step_and_an_hour_at_most(attempts: int, chance: float) -> None:
    step = min(3600, 10 * 4 ** min(max(attempts - 1, 0), 20))
    assert step / 2 <= backoff(attempts, lambda: chance) <= step
