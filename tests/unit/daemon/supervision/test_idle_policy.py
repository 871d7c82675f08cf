from __future__ import annotations

import math

from daemon.supervision.idle_policy import IDLE_SECONDS, QUICK_SECONDS, IdlePolicy

LEASE = 60.0


def test_a_worker_may_end_when_nothing_was_to_be_done_for_the_whole_time() -> None:
    policy = IdlePolicy(600.0, LEASE)
    policy.note(has_work=True, now=100.0)
    assert not policy.may_end(1000.0)
    policy.note(has_work=False, now=1000.0)
    assert not policy.may_end(1599.9)
    assert policy.may_end(1600.0)


def test_work_in_between_begins_the_time_anew() -> None:
    policy = IdlePolicy(600.0, LEASE)
    policy.note(has_work=False, now=0.0)
    policy.note(has_work=True, now=500.0)
    policy.note(has_work=False, now=501.0)
    assert not policy.may_end(1100.9)
    assert policy.may_end(1101.0)


def test_a_worker_that_is_not_to_be_kept_may_end_at_once_and_one_that_is_never() -> None:
    for seconds, ends in ((0.0, True), (math.inf, False)):
        policy = IdlePolicy(seconds, LEASE)
        assert not policy.may_end(5.0), "it was not looked for work yet"
        policy.note(has_work=False, now=5.0)
        assert policy.may_end(1e9 if not ends else 5.0) is ends


def test_idle_looks_are_rare_and_those_at_work_are_not() -> None:
    policy = IdlePolicy(600.0, LEASE)
    assert policy.look_again(is_at_work=True) == QUICK_SECONDS
    assert policy.look_again(is_at_work=False) == IDLE_SECONDS > 1.0


def test_looks_are_never_so_rare_that_a_short_lease_could_run_out_between_them() -> None:
    assert IdlePolicy(600.0, 2.0).look_again(is_at_work=False) == 0.25
