from __future__ import annotations

import time

from daemon.clock import SystemClock
from daemon.intake.sweep_schedule import ROUND_SECONDS
from daemon.intake.wakeup import Wakeup


def rest(wakeup: Wakeup, seconds: float) -> float:
    """How long it took."""
    began = time.monotonic()
    wakeup.wait(seconds)
    return time.monotonic() - began


def test_a_ring_ends_a_rest_but_rounds_do_not_follow_one_another_faster_than_ever() -> None:
    wakeup = Wakeup(SystemClock())
    wakeup.wake()
    assert ROUND_SECONDS <= rest(wakeup, 30) < 10
    assert rest(wakeup, 0.01) >= 0.01, "the ring was for one rest"


def test_the_end_ends_every_rest_at_once() -> None:
    wakeup = Wakeup(SystemClock())
    assert not wakeup.is_stopped
    wakeup.stop()
    assert wakeup.is_stopped
    assert rest(wakeup, 30) < 10


def test_a_rest_shorter_than_a_round_is_not_made_longer_by_a_ring() -> None:
    wakeup = Wakeup(SystemClock())
    wakeup.wake()
    assert rest(wakeup, 0.01) < ROUND_SECONDS
