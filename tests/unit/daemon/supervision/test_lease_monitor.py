from __future__ import annotations

from datetime import timedelta

import pytest

from daemon.supervision.lease_monitor import LeaseMonitor
from tests.fakes.clock import FakeClock

LEASE = 60.0


def first_judgement(silence: LeaseMonitor, clock: FakeClock, seconds: int = 120) -> int | None:
    """After how many quiet seconds silence counts."""
    for second in range(1, seconds):
        clock.advance(1)
        if silence.may_be_judged():
            return second
    return None


def test_silence_counts_every_quarter_of_a_lease(clock: FakeClock) -> None:
    silence = LeaseMonitor(LEASE, clock)
    assert [first_judgement(silence, clock) for _ in range(3)] == [15, 15, 15]


@pytest.mark.parametrize("jump", [timedelta(days=1), timedelta(days=-1), timedelta(hours=8), timedelta(minutes=-1)])
def test_after_the_wall_clock_jumped_everybody_has_a_lease_to_beat(clock: FakeClock, jump: timedelta) -> None:
    silence = LeaseMonitor(LEASE, clock)
    first_judgement(silence, clock)
    clock.set_wall(clock.now() + jump)
    assert first_judgement(silence, clock) == LEASE + 1
    assert first_judgement(silence, clock) == 15


def test_after_a_standstill_of_the_whole_house_too(clock: FakeClock) -> None:
    silence = LeaseMonitor(LEASE, clock)
    clock.advance(300)
    assert not silence.may_be_judged()
    assert first_judgement(silence, clock) == LEASE


def test_after_the_database_took_no_beats_too(clock: FakeClock) -> None:
    silence = LeaseMonitor(LEASE, clock)
    silence.excuse()
    assert first_judgement(silence, clock) == LEASE


def test_a_clock_that_is_put_right_by_a_little_excuses_nobody(clock: FakeClock) -> None:
    silence = LeaseMonitor(LEASE, clock)
    clock.set_wall(clock.now() + timedelta(seconds=5))
    assert first_judgement(silence, clock) == 15
