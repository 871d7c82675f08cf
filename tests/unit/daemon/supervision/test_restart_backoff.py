from __future__ import annotations

from daemon.supervision.restart_backoff import RestartBackoff


def test_pauses_double_up_to_a_minute() -> None:
    backoff = RestartBackoff()
    assert [backoff.pause_after(0.1, has_answered=False) for _ in range(9)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_a_long_life_resets_the_pause() -> None:
    backoff = RestartBackoff()
    for _ in range(4):
        backoff.pause_after(1, has_answered=False)
    assert backoff.pause_after(60, has_answered=False) == 1
    assert backoff.pause_after(59, has_answered=False) == 2


def test_an_answer_resets_the_pause_however_short_the_life() -> None:
    backoff = RestartBackoff()
    for _ in range(4):
        backoff.pause_after(1, has_answered=False)
    assert backoff.pause_after(1, has_answered=True) == 1
    assert backoff.pause_after(1, has_answered=False) == 2
