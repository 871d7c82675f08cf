from __future__ import annotations

from datetime import timedelta

from daemon.supervision.crash_loop import CrashLoop
from storage.jobs.store import JobStore
from tests.fakes.clock import START


def start(store: JobStore, minutes: float) -> CrashLoop:
    """A start so many minutes after the first one, without a reason for safe mode."""
    crash_loop = CrashLoop(store, START + timedelta(minutes=minutes))
    assert crash_loop.record_start() is None
    return crash_loop


def test_after_five_crashes_within_ten_minutes_there_is_a_reason_for_safe_mode(store: JobStore) -> None:
    for minute in range(5):
        start(store, minute)
    assert "crashed 5 times" in (CrashLoop(store, START + timedelta(minutes=9)).record_start() or "")


def test_older_crashes_do_not_count(store: JobStore) -> None:
    for number in range(20):
        start(store, 2.6 * number)


def test_a_clean_end_clears_all_crashes_before(store: JobStore) -> None:
    for _ in range(4):
        start(store, 0)
    start(store, 1).record_clean_end()
    for _ in range(5):
        start(store, 2)


def test_a_clock_that_was_set_back_far_clears_them_too(store: JobStore) -> None:
    for _ in range(5):
        start(store, 0)
    start(store, -600)
