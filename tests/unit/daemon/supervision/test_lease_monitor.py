from __future__ import annotations

from datetime import timedelta

import pytest

from daemon.supervision.lease_monitor import LeaseMonitor
from tests.fakes.clock import FakeClock

LEASE = 60.0


def seconds_until_due(monitor: LeaseMonitor, clock: FakeClock, seconds: int = 120) -> int | None:
    """After how many seconds leases may be reaped."""
    for second in range(1, seconds):
        clock.advance(1)
        if monitor.is_due():
            return second
    return None


def test_leases_may_be_reaped_every_quarter_of_a_lease(clock: FakeClock) -> None:
    monitor = LeaseMonitor(LEASE, clock)
    assert [seconds_until_due(monitor, clock) for _ in range(3)] == [15, 15, 15]


@pytest.mark.parametrize("jump", [timedelta(days=1), timedelta(days=-1), timedelta(hours=8), timedelta(minutes=-1)])
def test_after_a_jump_of_the_wall_clock_there_is_a_full_lease(clock: FakeClock, jump: timedelta) -> None:
    monitor = LeaseMonitor(LEASE, clock)
    seconds_until_due(monitor, clock)
    clock.set_wall(clock.now() + jump)
    assert seconds_until_due(monitor, clock) == LEASE + 1
    assert seconds_until_due(monitor, clock) == 15


def test_after_the_daemon_was_suspended_too(clock: FakeClock) -> None:
    monitor = LeaseMonitor(LEASE, clock)
    clock.advance(300)
    assert not monitor.is_due()
    assert seconds_until_due(monitor, clock) == LEASE


def test_after_a_database_failure_too(clock: FakeClock) -> None:
    monitor = LeaseMonitor(LEASE, clock)
    monitor.grant_full_lease()
    assert seconds_until_due(monitor, clock) == LEASE


def test_a_small_correction_of_the_clock_changes_nothing(clock: FakeClock) -> None:
    monitor = LeaseMonitor(LEASE, clock)
    clock.set_wall(clock.now() + timedelta(seconds=5))
    assert seconds_until_due(monitor, clock) == 15
