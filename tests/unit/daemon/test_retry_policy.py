from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.retry_policy import YOUNG_SECONDS, Action, Decision, Failure, backoff, decide, environment_backoff, is_young
from storage.lifecycle import Cause
from tests.fakes.clock import START


def decision(
    cause: Cause, code: str = "any", attempts: int = 1, *, young: bool = False, waited: float = 0.0
) -> Decision:
    failure = Failure(cause=cause, code=code, attempts=attempts, max_attempts=3, young=young, waited=waited)
    return decide(failure, START, lambda: 1.0)


def action(cause: Cause, code: str = "any", attempts: int = 1, *, young: bool = False) -> Action:
    return decision(cause, code, attempts, young=young).action


def pause(decision: Decision) -> float:
    assert decision.not_before is not None
    return (decision.not_before - START).total_seconds()


def test_an_input_failure_is_final() -> None:
    assert action(Cause.INPUT, "unreadable") is Action.FAIL


@pytest.mark.parametrize("attempts", [1, 3])
def test_an_unreadable_young_file_waits(attempts: int) -> None:
    assert action(Cause.INPUT, "unreadable", attempts, young=True) is Action.WAIT
    assert pause(decision(Cause.INPUT, "unreadable", young=True)) == 120
    assert action(Cause.INPUT, "out-of-memory", young=True) is Action.FAIL
    assert action(Cause.TRANSIENT, "unfinished", attempts, young=True) is Action.WAIT


def test_an_unfinished_file_that_is_no_longer_young_is_retried() -> None:
    assert action(Cause.TRANSIENT, "unfinished") is Action.RETRY


@pytest.mark.parametrize("code", ["not-allowed", "not-regular", "too-large"])
def test_a_file_that_cannot_be_decoded_as_it_is_is_skipped_however_young(code: str) -> None:
    assert action(Cause.INPUT, code) is Action.SKIP
    assert action(Cause.INPUT, code, young=True) is Action.SKIP


def test_a_model_failure_is_never_charged() -> None:
    assert action(Cause.MODEL, attempts=3) is Action.RELEASE


def test_a_transient_failure_is_retried_until_the_attempts_are_used_up() -> None:
    assert [action(Cause.TRANSIENT, attempts=n) for n in (1, 2, 3)] == [Action.RETRY, Action.RETRY, Action.FAIL]


def test_an_environment_failure_waits_without_end_and_ever_longer() -> None:
    assert action(Cause.ENVIRONMENT, attempts=3) is Action.WAIT
    waits = [pause(decision(Cause.ENVIRONMENT, waited=waited)) for waited in (0, 60, 1e9)]
    assert waits == [10, 60, 3600]


@pytest.mark.parametrize("code", ["gone", "changed"])
def test_missing_bytes_end_the_job(code: str) -> None:
    assert action(Cause.TRANSIENT, code) is Action.GONE


def test_only_a_retry_has_a_time() -> None:
    assert decision(Cause.INPUT).not_before is None
    assert pause(decision(Cause.TRANSIENT, attempts=2)) == 40


@given(attempts=st.integers(0, 10_000), chance=st.floats(0, 1), waited=st.floats(-1e9, 1e9))
def test_the_wait_is_between_half_and_all_of_its_step_and_an_hour_at_most(
    attempts: int, chance: float, waited: float
) -> None:
    step = min(3600, 10 * 4 ** min(max(attempts - 1, 0), 20))
    assert step / 2 <= backoff(attempts, lambda: chance) <= step
    assert 5 <= environment_backoff(waited, lambda: chance) <= 3600


@dataclass(frozen=True)
class Times:
    """The fields of an os.stat_result that `is_young` reads."""

    st_mtime_ns: int
    st_ctime_ns: int


@pytest.mark.parametrize(
    ("changed", "moved", "young"),
    [(0, 0, True), (-599, -9e5, True), (-9e5, -599, True), (-601, -601, False), (9e5, -601, False), (9e5, 9e5, False)],
)
def test_a_file_is_young_for_ten_minutes_after_its_bytes_or_its_inode_changed(
    changed: float, moved: float, young: bool
) -> None:
    at = [int((START + timedelta(seconds=seconds)).timestamp()) * 10**9 for seconds in (changed, moved)]
    assert is_young(cast(os.stat_result, Times(*at)), START) is young
    assert YOUNG_SECONDS == 600
