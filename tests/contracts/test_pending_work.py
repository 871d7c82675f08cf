"""Whether there is work: this starts a worker and keeps it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from storage.jobs.store import JobStore
from storage.lifecycle import Cause
from storage.records import Claim
from tests.fakes.clock import FakeClock
from tests.support.files import MODEL, SPEC, description_of, new_file


def admit(store: JobStore) -> int:
    return store.admit(new_file(), spec=SPEC, model=MODEL, max_attempts=2)[1]


def claim(store: JobStore) -> Claim:
    claimed = store.claim("w", lease_seconds=60)
    assert claimed
    return claimed


def pending(store: JobStore) -> tuple[bool, bool]:
    return store.pending.has_file(), store.pending.has_any()


def test_without_jobs_there_is_nothing_to_do(store: JobStore) -> None:
    assert pending(store) == (False, False)


def test_a_queued_job_is_claimable_work_until_it_is_claimed_and_work_until_it_ends(store: JobStore) -> None:
    admit(store)
    assert pending(store) == (True, True)
    claimed = claim(store)
    assert pending(store) == (False, True)
    store.mark_gone(claimed, "gone")
    assert pending(store) == (False, False)


def test_a_job_that_is_put_off_is_nothing_to_do_before_its_time(store: JobStore, clock: FakeClock) -> None:
    admit(store)
    store.retry_later(
        claim(store), code="x", reason="x", cause=Cause.TRANSIENT, not_before=clock.now() + timedelta(seconds=30)
    )
    assert pending(store) == (False, False)
    clock.advance(30)
    assert pending(store) == (True, True)


def test_a_failed_job_is_something_to_do_once_a_person_retries_it(store: JobStore) -> None:
    job = admit(store)
    store.fail(claim(store), code="x", reason="x", cause=Cause.INPUT)
    assert pending(store) == (False, False)
    store.requeue(job)
    assert pending(store) == (True, True)


def test_sidecars_are_something_to_do_without_the_model_until_they_stand(store: JobStore) -> None:
    admit(store)
    claimed = claim(store)
    store.publish(claimed, description_of(new_file()))
    assert pending(store) == (False, True)
    store.finish(claimed)
    assert pending(store) == (False, False)


def test_sidecars_that_are_put_off_are_nothing_to_do_before_their_time(store: JobStore, clock: FakeClock) -> None:
    admit(store)
    claimed = claim(store)
    store.publish(claimed, description_of(new_file()))
    store.postpone(claimed, code="x", reason="x", not_before=clock.now() + timedelta(seconds=30))
    assert pending(store) == (False, False)
    clock.advance(30)
    assert pending(store) == (False, True)


def test_every_model_with_a_due_job_is_found_with_its_first_priority(store: JobStore, clock: FakeClock) -> None:
    assert store.pending.models() == {}
    jobs = ((None, 10), ("demo", 10), ("demo", 5), ("other/model", 0))
    for number, (model, priority) in enumerate(jobs):
        spec = replace(SPEC, model=model, priority=priority)
        store.admit(new_file(b"/inbox/%d.jpg" % number, b"%d" % number), spec=spec, model=MODEL, max_attempts=3)
    assert store.pending.models() == {None: 10, "demo": 5, "other/model": 0}
    later = store.claim("w", lease_seconds=60, model="other/model")
    assert later is not None
    due = clock.now() + timedelta(seconds=30)
    store.retry_later(later, code="x", reason="x", cause=Cause.TRANSIENT, not_before=due)
    assert store.pending.models() == {None: 10, "demo": 5}
    assert [store.pending.has_file(model) for model in (None, "demo", "other/model")] == [True, True, False]
