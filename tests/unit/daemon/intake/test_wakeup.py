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


def test_a_wake_ends_a_wait_but_rounds_are_not_faster_than_round_seconds() -> None:
    wakeup = Wakeup(SystemClock())
    wakeup.wake()
    assert ROUND_SECONDS <= rest(wakeup, 30) < 10
    assert rest(wakeup, 0.01) >= 0.01, "the ring was for one rest"


def test_a_stop_ends_every_wait_at_once() -> None:
    wakeup = Wakeup(SystemClock())
    assert not wakeup.is_stopped
    wakeup.stop()
    assert wakeup.is_stopped
    assert rest(wakeup, 30) < 10


def test_a_wait_shorter_than_a_round_is_not_extended_by_a_wake() -> None:
    wakeup = Wakeup(SystemClock())
    wakeup.wake()
    assert rest(wakeup, 0.01) < ROUND_SECONDS
