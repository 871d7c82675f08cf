from __future__ import annotations

from datetime import timedelta

from daemon.supervision.crash_loop import CrashLoop
from storage.jobs.store import JobStore
from tests.fakes.clock import START


def start(store: JobStore, minutes: float) -> CrashLoop:
    """A start so many minutes after the first one, that told no reason to rest."""
    crashes = CrashLoop(store, START + timedelta(minutes=minutes))
    assert crashes.start() is None
    return crashes


def test_after_five_deaths_within_ten_minutes_the_next_start_rests_and_says_why(store: JobStore) -> None:
    for minute in range(5):
        start(store, minute)
    assert "died 5 times" in (CrashLoop(store, START + timedelta(minutes=9)).start() or "")


def test_deaths_that_are_longer_ago_do_not_count(store: JobStore) -> None:
    for number in range(20):
        start(store, 2.6 * number)


def test_a_clean_end_forgives_all_deaths_before(store: JobStore) -> None:
    for _ in range(4):
        start(store, 0)
    start(store, 1).end_cleanly()
    for _ in range(5):
        start(store, 2)


def test_a_clock_that_was_set_back_far_forgives_too(store: JobStore) -> None:
    for _ in range(5):
        start(store, 0)
    start(store, -600)
