from __future__ import annotations

from daemon.supervision.restart_backoff import RestartBackoff


def test_pauses_double_up_to_a_minute() -> None:
    backoff = RestartBackoff()
    assert [backoff.after_life_of(0.1, has_answered=False) for _ in range(9)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_a_long_life_is_forgiven() -> None:
    backoff = RestartBackoff()
    for _ in range(4):
        backoff.after_life_of(1, has_answered=False)
    assert backoff.after_life_of(60, has_answered=False) == 1
    assert backoff.after_life_of(59, has_answered=False) == 2


def test_a_worker_that_described_something_started_well_however_short_its_life() -> None:
    backoff = RestartBackoff()
    for _ in range(4):
        backoff.after_life_of(1, has_answered=False)
    assert backoff.after_life_of(1, has_answered=True) == 1
    assert backoff.after_life_of(1, has_answered=False) == 2
