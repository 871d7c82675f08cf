from __future__ import annotations

from pathlib import Path

from daemon.messages import Stage
from daemon.worker.heartbeat import REPEAT_SECONDS, Heartbeat, StageReporter
from storage.jobs.store import JobStore
from storage.library import Library
from storage.lifecycle import JobState
from storage.records import Claim
from tests.fakes.clock import FakeClock
from tests.support.files import MODEL, SPEC, description_of
from tests.support.logs import logged
from tests.unit.daemon.conftest import drop, settled


def claimed(store: JobStore, inbox: Path) -> Claim:
    store.admit(settled(drop(inbox, "x.png")), spec=SPEC, model=MODEL, max_attempts=3)
    claim = store.claim("worker", lease_seconds=60)
    assert claim is not None
    return claim


def test_a_renewed_claim_outlives_its_first_lease(store: JobStore, inbox: Path, clock: FakeClock) -> None:
    heartbeat = Heartbeat(store, beat_seconds=10, lease_seconds=60)
    heartbeat.hold(claimed(store, inbox))
    for _ in range(10):
        clock.advance(30)
        heartbeat.beat()
        assert store.reap() == []


def test_a_dropped_claim_is_reaped(store: JobStore, inbox: Path, clock: FakeClock) -> None:
    heartbeat, claim = Heartbeat(store, beat_seconds=10, lease_seconds=60), claimed(store, inbox)
    heartbeat.hold(claim)
    heartbeat.drop(claim)
    clock.advance(61)
    heartbeat.beat()
    assert store.reap() == [claim.job.id]


def test_released_jobs_are_queued_with_their_attempt_refunded(store: JobStore, library: Library, inbox: Path) -> None:
    heartbeat, claim = Heartbeat(store, beat_seconds=10, lease_seconds=60), claimed(store, inbox)
    heartbeat.hold(claim)
    heartbeat.release_all("stopped")
    job = library.job(claim.job.id)
    assert (job.state, job.attempts) == (JobState.QUEUED, 0)
    assert not heartbeat.is_holding


def test_a_lost_claim_is_not_renewed_any_more(store: JobStore, inbox: Path) -> None:
    heartbeat = Heartbeat(store, beat_seconds=10, lease_seconds=60)
    heartbeat.hold(claimed(store, inbox))
    store.abandon_all("The worker was killed.")
    heartbeat.beat()
    assert not heartbeat.is_holding


def test_a_claim_is_held_until_it_is_dropped_or_a_beat_finds_it_lost(store: JobStore, inbox: Path) -> None:
    heartbeat, claim = Heartbeat(store, beat_seconds=10, lease_seconds=60), claimed(store, inbox)
    assert not heartbeat.holds(claim)
    heartbeat.hold(claim)
    assert heartbeat.holds(claim)
    heartbeat.drop(claim)
    assert not heartbeat.holds(claim)
    heartbeat.hold(claim)
    store.abandon_all("The worker was killed.")
    heartbeat.beat()
    assert not heartbeat.holds(claim)


def test_a_job_that_is_claimed_again_is_held_under_the_newer_claim_alone(store: JobStore, inbox: Path) -> None:
    heartbeat, lost = Heartbeat(store, beat_seconds=10, lease_seconds=60), claimed(store, inbox)
    heartbeat.hold(lost)
    store.abandon_all("The worker was killed.")
    newer = store.claim("worker", lease_seconds=60)
    assert newer is not None and newer.job.id == lost.job.id
    heartbeat.hold(newer)
    heartbeat.drop(lost)
    assert [heartbeat.holds(claim) for claim in (lost, newer)] == [False, True]


def test_a_lost_claim_is_logged_once_at_the_next_beat(store: JobStore, inbox: Path) -> None:
    heartbeat, claim = Heartbeat(store, beat_seconds=10, lease_seconds=60), claimed(store, inbox)
    heartbeat.hold(claim)
    store.abandon_all("The worker was killed.")
    with logged("WARNING") as lines:
        for _ in range(3):
            heartbeat.beat()
    assert lines == [f"Job {claim.job.id}: the claim was lost while the job was running"]


def test_a_job_that_is_finished_before_its_claim_is_dropped_is_not_logged_as_lost(store: JobStore, inbox: Path) -> None:
    heartbeat, claim = Heartbeat(store, beat_seconds=10, lease_seconds=60), claimed(store, inbox)
    heartbeat.hold(claim)
    store.publish(claim, description_of(settled(claim.job.path)))
    store.finish(claim)
    with logged("WARNING") as lines:
        heartbeat.beat()
        heartbeat.drop(claim)
        heartbeat.beat()
    assert lines == []


def test_a_stage_is_reported_when_it_changes_and_once_a_second_while_it_lasts() -> None:
    reported: list[Stage] = []
    clock = FakeClock()
    progress = StageReporter(reported.append, clock)
    for stage in (Stage.LOADING, Stage.WORKING, Stage.WORKING):
        progress.report(stage)
    clock.advance(REPEAT_SECONDS)
    progress.repeat()
    assert reported == [Stage.LOADING, Stage.WORKING, Stage.WORKING]


def test_many_answers_are_reported_once_a_second() -> None:
    reported: list[Stage] = []
    clock = FakeClock()
    progress = StageReporter(reported.append, clock)
    for _ in range(2):
        for _ in range(100):
            progress.report(Stage.WORKING)
            progress.report(Stage.ANSWERED)
        clock.advance(REPEAT_SECONDS)
    assert reported == [Stage.WORKING, Stage.ANSWERED, Stage.WORKING, Stage.ANSWERED]
    progress.report(Stage.IDLE)
    assert reported[-1] is Stage.IDLE


def test_an_idle_stage_is_reported_once() -> None:
    reported: list[Stage] = []
    clock = FakeClock()
    progress = StageReporter(reported.append, clock)
    for _ in range(3):
        progress.report(Stage.IDLE)
        clock.advance(REPEAT_SECONDS)
    assert reported == [Stage.IDLE]


def test_a_report_to_a_dead_daemon_is_ignored() -> None:
    def dead(stage: Stage) -> None:
        raise BrokenPipeError

    StageReporter(dead, FakeClock()).report(Stage.WORKING)


def test_a_lost_claim_is_taken_by_the_worker_once_and_not_logged_then(store: JobStore, inbox: Path) -> None:
    heartbeat, claim = Heartbeat(store, beat_seconds=10, lease_seconds=60), claimed(store, inbox)
    heartbeat.hold(claim)
    store.cancel([claim.job.id])
    assert heartbeat.take_lost() == []
    with logged("WARNING") as lines:
        heartbeat.beat()
        assert heartbeat.take_lost() == [claim]
        heartbeat.beat()
    assert (heartbeat.take_lost(), lines) == ([], [])


def test_a_claim_that_was_lost_does_not_count_once_the_job_is_claimed_again(store: JobStore, inbox: Path) -> None:
    heartbeat, claim = Heartbeat(store, beat_seconds=10, lease_seconds=60), claimed(store, inbox)
    heartbeat.hold(claim)
    store.cancel([claim.job.id])
    heartbeat.beat()
    store.requeue(claim.job.id)
    again = store.claim("w", lease_seconds=60)
    assert again is not None
    heartbeat.hold(again)
    assert heartbeat.take_lost() == []
    assert heartbeat.is_holding
