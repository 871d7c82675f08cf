from __future__ import annotations

from datetime import timedelta

import pytest

from config.errors import NotFoundError
from storage.jobs.store import JobStore
from storage.library import Library
from storage.lifecycle import Cause, JobState
from storage.records import MediaKind, Refusal
from tests.fakes.clock import START, FakeClock
from tests.support.files import MODEL, SPEC, description_of, new_file


def admit(store: JobStore, name: bytes, kind: MediaKind = MediaKind.IMAGE) -> int:
    return store.admit(new_file(name, content=name, kind=kind), spec=SPEC, model=MODEL, max_attempts=3)[1]


def describe(store: JobStore, name: bytes, kind: MediaKind, seconds: float) -> None:
    admit(store, name, kind)
    claim = store.claim("w", lease_seconds=60)
    assert claim
    store.publish(claim, description_of(new_file(name, content=name, kind=kind), seconds=seconds))
    store.finish(claim)


def test_every_query_works_on_an_empty_library(library: Library) -> None:
    assert library.counts() == dict.fromkeys(JobState, 0)
    assert library.jobs() == []
    assert library.job_at(b"/inbox/a.jpg") is None
    assert library.description(1) is None
    assert library.events(1) == []
    assert library.refusal(b"/inbox/a.jpg") is None
    assert library.status.intake() is None
    assert library.speed() == {"seconds": {}}
    assert library.described_since(START, limit=5) == []
    assert library.failures_since(START) == {}
    assert library.evaluations.runs() == []
    with pytest.raises(NotFoundError, match="no job 1"):
        library.job(1)


def test_jobs_come_newest_first_by_state_and_limit(store: JobStore, library: Library) -> None:
    ids = [admit(store, name) for name in (b"a", b"b", b"c")]
    claim = store.claim("w", lease_seconds=60)
    assert claim
    store.fail(claim, code="damaged", reason="No picture.", cause=Cause.INPUT)
    assert [job.id for job in library.jobs()] == ids[::-1]
    assert [job.id for job in library.jobs(limit=2)] == ids[:0:-1]
    assert [job.id for job in library.jobs(state=JobState.FAILED)] == ids[:1]
    assert library.counts() == dict.fromkeys(JobState, 0) | {JobState.QUEUED: 2, JobState.FAILED: 1}


def test_past_work_is_told_since_a_time_newest_first(store: JobStore, library: Library, clock: FakeClock) -> None:
    describe(store, b"a", MediaKind.IMAGE, 1.0)
    describe(store, b"b", MediaKind.VIDEO, 4.0)
    admit(store, b"c")
    claim = store.claim("w", lease_seconds=60)
    assert claim
    store.fail(claim, code="damaged", reason="No picture.", cause=Cause.INPUT)
    found = library.described_since(START, limit=9)
    assert [(each.kind, each.seconds["total"], each.verdict) for each in found] == [
        ("video", 4.0, "ok"),
        ("image", 1.0, "ok"),
    ]
    assert {(each.at, each.launched_by) for each in found} == {(START, "terminal")}
    assert library.described_since(START, limit=1) == found[:1]
    assert library.failures_since(clock.now()) == {("input", "damaged"): 1}
    later = clock.now() + timedelta(seconds=1)
    assert library.failures_since(later) == {}
    assert library.described_since(later, limit=9) == []


def test_due_jobs_and_recent_failures_are_counted(store: JobStore, library: Library, clock: FakeClock) -> None:
    for name in (b"a", b"b", b"c"):
        admit(store, name)
    failing, waiting = store.claim("w", lease_seconds=60), store.claim("w", lease_seconds=60)
    assert failing and waiting
    store.fail(failing, code="damaged", reason="No picture.", cause=Cause.INPUT)
    later = clock.now() + timedelta(seconds=90)
    store.retry_later(waiting, code="busy", reason="Busy.", cause=Cause.TRANSIENT, not_before=later)
    assert (library.count_due(clock.now()), library.count_due(later)) == (1, 2)
    assert (library.count_failed(clock.now()), library.count_failed(later)) == (1, 0)
    assert library.counts(finished_since=clock.now())[JobState.FAILED] == 1
    assert library.counts(finished_since=later) == dict.fromkeys(JobState, 0)


def test_many_refusals_are_read_at_once(store: JobStore, library: Library, clock: FakeClock) -> None:
    refusals = [Refusal(path=name, code="no", reason="No.", at=clock.now()) for name in (b"a", b"b\xff")]
    store.refuse_all(refusals)
    assert library.refusals([b"a", b"b\xff", b"c"]) == {refusal.path: refusal for refusal in refusals}


def test_a_path_gives_its_newest_job(store: JobStore, library: Library) -> None:
    describe(store, b"a", MediaKind.IMAGE, 1.0)
    store.admit(new_file(b"a", content=b"changed"), spec=SPEC, model=MODEL, max_attempts=3)
    job = library.job_at(b"a")
    assert job and job.state is JobState.QUEUED


def test_many_paths_give_the_same_jobs_as_single_queries(
    store: JobStore, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.library.CHUNK_SIZE", 2)
    describe(store, b"a", MediaKind.IMAGE, 1.0)
    store.admit(new_file(b"a", content=b"changed"), spec=SPEC, model=MODEL, max_attempts=3)
    for name in (b"b\xff", b"c"):
        admit(store, name)
    wanted = (b"a", b"unknown", b"b\xff", b"c", b"a")
    assert library.jobs_at(iter(wanted)) == {path: job for path in wanted if (job := library.job_at(path))}
    assert library.jobs_at([]) == {}


def test_speed_is_the_median_of_the_last_hundred_by_kind(store: JobStore, library: Library) -> None:
    describe(store, b"slow start", MediaKind.VIDEO, 500.0)
    for number in range(97):
        describe(store, b"%d" % number, MediaKind.IMAGE, 2.0 if number % 3 else 9.0)
    for number, seconds in enumerate((5.0, 7.0, 60.0)):
        describe(store, b"video %d" % number, MediaKind.VIDEO, seconds)
    assert library.speed() == {"seconds": {"image": 2.0, "video": 7.0}, "tokens_per_second": 87.0}
