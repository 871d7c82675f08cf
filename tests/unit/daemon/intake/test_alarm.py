from __future__ import annotations

import time

from daemon.clock import SystemClock
from daemon.intake.alarm import Alarm
from daemon.intake.schedule import ROUND_SECONDS


def rest(alarm: Alarm, seconds: float) -> float:
    """How long it took."""
    began = time.monotonic()
    alarm.rest(seconds)
    return time.monotonic() - began


def test_a_ring_ends_a_rest_but_rounds_do_not_follow_one_another_faster_than_ever() -> None:
    alarm = Alarm(SystemClock())
    alarm.ring()
    assert ROUND_SECONDS <= rest(alarm, 30) < 10
    assert rest(alarm, 0.01) >= 0.01, "the ring was for one rest"


def test_the_end_ends_every_rest_at_once() -> None:
    alarm = Alarm(SystemClock())
    assert not alarm.is_over
    alarm.end()
    assert alarm.is_over
    assert rest(alarm, 30) < 10


def test_a_rest_shorter_than_a_round_is_not_made_longer_by_a_ring() -> None:
    alarm = Alarm(SystemClock())
    alarm.ring()
    assert rest(alarm, 0.01) < ROUND_SECONDS
