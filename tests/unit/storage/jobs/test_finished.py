from __future__ import annotations

from datetime import timedelta

import pytest

from storage.jobs.finished import Finished
from storage.jobs.store import JobStore
from storage.library import Library
from storage.lifecycle import Cause, JobState
from tests.fakes.clock import FakeClock
from tests.support.files import MODEL, SPEC, description_of, new_file


def admit(store: JobStore, name: str, content: bytes = b"waves") -> int:
    return store.admit(new_file(f"/inbox/{name}".encode(), content), spec=SPEC, model=MODEL, max_attempts=3)[1]


def describe(store: JobStore, name: str, caption: str) -> None:
    admit(store, name, name.encode())
    claim = store.claim("worker", lease_seconds=60)
    assert claim is not None
    store.publish(claim, description_of(new_file(claim.job.path, name.encode()), answers={"caption": caption}))
    store.finish(claim)


def fail(store: JobStore, name: str) -> None:
    admit(store, name, name.encode())
    claim = store.claim("worker", lease_seconds=60)
    assert claim is not None
    store.fail(claim, code="unreadable", reason="Damaged.", cause=Cause.INPUT)


def test_what_ended_is_read_once_oldest_first(store: JobStore, library: Library) -> None:
    assert library.finished_after(None) == ([], 0)
    describe(store, "old.jpg", "Old.")
    found, start = library.finished_after(None)
    assert found == []
    assert library.finished_after(start) == ([], start)
    describe(store, "a.jpg", "A beach.")
    fail(store, "b.jpg")
    admit(store, "c.jpg", b"c")
    found, newest = library.finished_after(start)
    assert found == [
        Finished(b"/inbox/a.jpg", "done", "A beach.", None),
        Finished(b"/inbox/b.jpg", "failed", None, "Damaged."),
    ]
    assert library.finished_after(newest) == ([], newest)


def test_a_file_that_is_described_again_is_given_with_its_new_end_alone(store: JobStore, library: Library) -> None:
    describe(store, "a.jpg", "A beach.")
    _, start = library.finished_after(None)
    store.requeue(1)
    claim = store.claim("worker", lease_seconds=60)
    assert claim is not None
    store.fail(claim, code="hung", reason="Too slow.", cause=Cause.INPUT)
    assert [job.state for job in library.finished_after(start)[0]] == ["failed"]


def test_moments_of_ends_are_newest_first_and_within_their_limits(
    store: JobStore, library: Library, clock: FakeClock
) -> None:
    began = clock.now()
    for number in range(4):
        clock.advance(10)
        fail(store, f"{number}.jpg")
    assert library.finish_times(began + timedelta(seconds=15)) == [
        began + timedelta(seconds=seconds) for seconds in (40, 30, 20)
    ]
    assert len(library.finish_times(began, limit=1)) == 1


def test_live_jobs_are_counted_by_state(store: JobStore, library: Library) -> None:
    assert library.live_counts() == {JobState.QUEUED: 0, JobState.RUNNING: 0, JobState.PUBLISHING: 0}
    describe(store, "a.jpg", "A beach.")
    admit(store, "b.jpg", b"b")
    admit(store, "c.jpg", b"c")
    store.claim("worker", lease_seconds=60)
    assert library.live_counts() == {JobState.QUEUED: 1, JobState.RUNNING: 1, JobState.PUBLISHING: 0}


def test_of_several_jobs_of_a_file_the_newest_counts(store: JobStore, library: Library) -> None:
    describe(store, "a.jpg", "A beach.")
    describe(store, "b.jpg", "A dune.")
    fail(store, "c.jpg")
    store.requeue(1)
    counts = library.file_counts(library.counts())
    assert (counts[JobState.DONE], counts[JobState.QUEUED], counts[JobState.FAILED]) == (1, 1, 1)
    assert library.counts()[JobState.DONE] == 2


@pytest.mark.parametrize("limit", [1, 5])
def test_known_paths_are_those_of_jobs_newest_first(store: JobStore, library: Library, limit: int) -> None:
    admit(store, "a.jpg", b"a")
    admit(store, "b.jpg", b"b")
    assert library.known_paths(limit) == [b"/inbox/b.jpg", b"/inbox/a.jpg"][:limit]
