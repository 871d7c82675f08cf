from __future__ import annotations

from daemon.intake.intake_status import REPORT_SECONDS
from daemon.intake.sweep_schedule import QUIET_SECONDS, ROUND_SECONDS, SweepSchedule

WALL = 1_764_000_000.0


def schedule_after_a_sweep(*, took: float = 1.0, polls: bool = False) -> SweepSchedule:
    """Swept from 100 on."""
    schedule = SweepSchedule(300.0)
    assert schedule.is_due(100.0, WALL + 100)
    schedule.swept(100.0, 100.0 + took, polls=polls)
    return schedule


def test_the_first_sweep_is_due_at_once_and_the_next_after_its_time() -> None:
    schedule = schedule_after_a_sweep()
    assert not schedule.is_due(400.9, WALL + 400.9)
    assert schedule.is_due(401.0, WALL + 401.0)


def test_a_requested_sweep_is_due_at_once_and_only_once() -> None:
    schedule = schedule_after_a_sweep()
    schedule.request()
    assert schedule.is_due(102.0, WALL + 102)
    schedule.swept(102.0, 103.0, polls=False)
    assert not schedule.is_due(104.0, WALL + 104)


def test_a_sleep_makes_a_sweep_due_and_stays_until_it_is_done() -> None:
    schedule = schedule_after_a_sweep()
    assert not schedule.is_due(110.0, WALL + 110 + 30)
    assert schedule.is_due(111.0, WALL + 111 + 61)
    assert schedule.is_due(112.0, WALL + 112 + 61)


def test_a_clock_that_is_set_back_is_no_sleep() -> None:
    schedule = schedule_after_a_sweep()
    assert not schedule.is_due(110.0, WALL - 86_400)


def test_without_a_watch_the_inbox_is_listed_often_but_never_most_of_the_time() -> None:
    for took, wait in ((0.01, 2.0), (0.5, 10.0), (60.0, 60.0)):
        schedule = schedule_after_a_sweep(took=took, polls=True)
        end = 100.0 + took
        assert not schedule.is_due(end + wait - 0.1, WALL + end + wait - 0.1)
        assert schedule.is_due(end + wait, WALL + end + wait)


def test_while_anything_settles_rounds_follow_quickly() -> None:
    schedule = schedule_after_a_sweep()
    assert schedule.pause(110.0, is_busy=True, is_behind=False) == ROUND_SECONDS


def test_rounds_of_an_idle_inbox_are_rare_but_in_time_for_the_next_sweep() -> None:
    schedule = schedule_after_a_sweep()  # the next one at 401
    assert schedule.pause(110.0, is_busy=False, is_behind=False) == QUIET_SECONDS
    assert schedule.pause(399.0, is_busy=False, is_behind=False) == 2.0
    assert schedule.pause(402.0, is_busy=False, is_behind=False) == ROUND_SECONDS


def test_an_unreported_change_of_status_is_stored_soon() -> None:
    schedule = schedule_after_a_sweep()
    assert schedule.pause(110.0, is_busy=False, is_behind=True) == REPORT_SECONDS
