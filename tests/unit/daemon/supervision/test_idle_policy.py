from __future__ import annotations

import math

from daemon.supervision.idle_policy import BUSY_SECONDS, IDLE_SECONDS, IdlePolicy

LEASE = 60.0


def test_a_worker_may_end_after_the_idle_time() -> None:
    policy = IdlePolicy(600.0, LEASE)
    policy.record(has_work=True, now=100.0)
    assert not policy.may_end(1000.0)
    policy.record(has_work=False, now=1000.0)
    assert not policy.may_end(1599.9)
    assert policy.may_end(1600.0)


def test_work_restarts_the_idle_time() -> None:
    policy = IdlePolicy(600.0, LEASE)
    policy.record(has_work=False, now=0.0)
    policy.record(has_work=True, now=500.0)
    policy.record(has_work=False, now=501.0)
    assert not policy.may_end(1100.9)
    assert policy.may_end(1101.0)


def test_an_idle_time_of_zero_ends_a_worker_at_once_and_an_infinite_one_never() -> None:
    for seconds, ends in ((0.0, True), (math.inf, False)):
        policy = IdlePolicy(seconds, LEASE)
        assert not policy.may_end(5.0), "no check yet"
        policy.record(has_work=False, now=5.0)
        assert policy.may_end(1e9 if not ends else 5.0) is ends


def test_idle_checks_are_rare_and_busy_ones_are_not() -> None:
    policy = IdlePolicy(600.0, LEASE)
    assert policy.next_check(is_busy=True) == BUSY_SECONDS
    assert policy.next_check(is_busy=False) == IDLE_SECONDS > 1.0


def test_checks_are_more_frequent_than_a_short_lease_expires() -> None:
    assert IdlePolicy(600.0, 2.0).next_check(is_busy=False) == 0.25
