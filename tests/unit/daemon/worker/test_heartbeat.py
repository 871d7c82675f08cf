from __future__ import annotations

from pathlib import Path

from daemon.worker.heartbeat import Heartbeat
from storage.jobs.store import JobStore
from storage.library import Library
from storage.lifecycle import JobState
from storage.records import Claim
from tests.fakes.clock import FakeClock
from tests.support.files import MODEL, RECIPE, description_of
from tests.support.logs import logged
from tests.unit.daemon.conftest import drop, settled


def claimed(store: JobStore, inbox: Path) -> Claim:
    store.admit(settled(drop(inbox, "x.png")), model=MODEL, recipe=RECIPE, max_attempts=3)
    claim = store.claim("worker", lease_seconds=60)
    assert claim is not None
    return claim


def test_a_beaten_claim_outlives_its_first_lease(store: JobStore, inbox: Path, clock: FakeClock) -> None:
    pulse = Heartbeat(store, beat_seconds=10, lease_seconds=60)
    pulse.hold(claimed(store, inbox))
    for _ in range(10):
        clock.advance(30)
        pulse.beat()
        assert store.reap() == []


def test_a_dropped_claim_is_reaped(store: JobStore, inbox: Path, clock: FakeClock) -> None:
    pulse, claim = Heartbeat(store, beat_seconds=10, lease_seconds=60), claimed(store, inbox)
    pulse.hold(claim)
    pulse.drop(claim)
    clock.advance(61)
    pulse.beat()
    assert store.reap() == [claim.job.id]


def test_released_jobs_wait_again_with_their_attempt_refunded(store: JobStore, library: Library, inbox: Path) -> None:
    pulse, claim = Heartbeat(store, beat_seconds=10, lease_seconds=60), claimed(store, inbox)
    pulse.hold(claim)
    pulse.release_all("stopped")
    job = library.job(claim.job.id)
    assert (job.state, job.attempts) == (JobState.QUEUED, 0)
    assert not pulse.is_holding


def test_a_claim_that_was_taken_back_is_not_beaten_any_more(store: JobStore, inbox: Path) -> None:
    pulse = Heartbeat(store, beat_seconds=10, lease_seconds=60)
    pulse.hold(claimed(store, inbox))
    store.abandon_all("taken back")
    pulse.beat()
    assert not pulse.is_holding


def test_a_claim_that_was_taken_back_is_logged_once_at_the_next_beat(store: JobStore, inbox: Path) -> None:
    pulse, claim = Heartbeat(store, beat_seconds=10, lease_seconds=60), claimed(store, inbox)
    pulse.hold(claim)
    store.abandon_all("taken back")
    with logged("WARNING") as lines:
        for _ in range(3):
            pulse.beat()
    assert lines == [f"Job {claim.job.id} was taken back while it was worked on"]


def test_a_job_that_is_finished_before_its_claim_is_dropped_is_not_logged_as_taken_back(
    store: JobStore, inbox: Path
) -> None:
    pulse, claim = Heartbeat(store, beat_seconds=10, lease_seconds=60), claimed(store, inbox)
    pulse.hold(claim)
    store.publish(claim, description_of(settled(claim.job.path)))
    store.finish(claim)
    with logged("WARNING") as lines:
        pulse.beat()
        pulse.drop(claim)
        pulse.beat()
    assert lines == []
