"""The contract of a job store on every database: described files are described again on request."""

from __future__ import annotations

from dataclasses import replace

from storage.description import RecipeFacts
from storage.jobs.redescription import REDO_PRIORITY
from storage.jobs.store import JobStore
from storage.library import Library
from storage.lifecycle import Cause, JobState
from storage.records import Admission, Job, JobSpec, NewFile
from tests.support.files import KEY, MODEL, SPEC, description_of, new_file

ALT_TEXT = JobSpec(recipe="alt-text", recipe_digest="8899aabbccddeeff")
NEWER = replace(ALT_TEXT, recipe_digest="7700000000000000")
FULL = replace(SPEC, detail="full")


class TestRedo:
    def test_every_described_file_can_be_described_again_once(self, store: JobStore, library: Library) -> None:
        ids = [describe(store, name) for name in ("a", "b")]
        jobs = library.describable(ALT_TEXT)
        assert [job.id for job in jobs] == ids
        assert store.describe_again(ids, ALT_TEXT) == 2
        queued = library.jobs(state=JobState.QUEUED)
        assert {(job.name, job.spec, job.fresh) for job in queued} == {
            (name, replace(ALT_TEXT, priority=REDO_PRIORITY), True) for name in ("a", "b")
        }
        assert library.describable(ALT_TEXT) == []
        assert store.describe_again(ids, ALT_TEXT) == 0

    def test_new_files_come_first(self, store: JobStore) -> None:
        store.describe_again([describe(store, "a")], SPEC)
        store.admit(named("b"), spec=SPEC, model=MODEL, max_attempts=3)
        assert [claim.job.name for claim in store.claim_all("w", lease_seconds=60.0, most=8)] == ["b", "a"]

    def test_only_what_has_changed_is_described_again(self, store: JobStore, library: Library) -> None:
        older, current = describe(store, "older"), describe(store, "current")
        describe(store, "older", ALT_TEXT)
        latest = describe(store, "current", NEWER)
        key = replace(KEY, recipe=NEWER.recipe_digest)
        assert names(library.describable(NEWER, changed_for=key)) == ["older"]
        assert names(library.describable(NEWER, changed_for=replace(key, model="another@1"))) == ["older", "current"]
        assert names(library.describable(NEWER, changed_for=replace(key, detail="full"))) == ["older", "current"]
        assert names(library.describable(SPEC, changed_for=KEY)) == []
        assert {older, current} < {*range(1, latest + 1)}

    def test_files_that_are_missing_failed_or_wait_are_left_out(self, store: JobStore, library: Library) -> None:
        gone, described = describe(store, "gone"), describe(store, "described")
        store.admit(named("failed"), spec=SPEC, model=MODEL, max_attempts=3)
        claim = store.claim("w", lease_seconds=60.0)
        assert claim is not None
        store.fail(claim, code="unreadable", reason="Damaged.", cause=Cause.INPUT)
        store.admit(named("waits"), spec=SPEC, model=MODEL, max_attempts=3)
        store.presence.mark_missing([named("gone").path])
        assert [job.id for job in library.describable(ALT_TEXT)] == [described]
        assert store.describe_again([gone], ALT_TEXT) == 1, "the caller's list decides, as the file may be back"

    def test_a_file_that_waits_for_one_recipe_can_be_requested_by_another(
        self, store: JobStore, library: Library
    ) -> None:
        job_id = describe(store, "a")
        store.describe_again([job_id], ALT_TEXT)
        assert [job.id for job in library.describable(SPEC)] == [job_id]

    def test_a_file_that_waits_is_described_by_the_detail_that_was_requested_last(
        self, store: JobStore, library: Library
    ) -> None:
        job_id = describe(store, "a")
        store.describe_again([job_id], SPEC)
        assert library.describable(SPEC) == []
        assert [job.id for job in library.describable(FULL)] == [job_id]
        assert store.describe_again([job_id], FULL) == 1
        [waiting] = library.jobs(state=JobState.QUEUED)
        assert (waiting.spec.detail, waiting.fresh, waiting.spec.priority) == ("full", True, REDO_PRIORITY)
        assert library.events(waiting.id)[-1].note == "Requested again by recipe default."
        assert library.describable(FULL) == []

    def test_a_file_that_is_being_described_is_described_once_more_by_another_detail(
        self, store: JobStore, library: Library
    ) -> None:
        job_id = describe(store, "a")
        store.describe_again([job_id], SPEC)
        running = store.claim("w", lease_seconds=60.0)
        assert store.describe_again([job_id], FULL) == 1
        assert running is not None
        assert store.claim("w", lease_seconds=60.0) is None, "one at a time for each recipe"
        store.publish(running, description_of(named("a")))
        store.finish(running)
        claim = store.claim("w", lease_seconds=60.0)
        assert claim is not None
        assert claim.job.spec == replace(FULL, priority=REDO_PRIORITY)

    def test_a_file_that_was_described_by_a_detail_of_its_own_is_not_admitted_again(self, store: JobStore) -> None:
        describe(store, "a", FULL)
        assert store.admit(named("a"), spec=SPEC, model=MODEL, max_attempts=3)[0] is Admission.ALREADY_DESCRIBED

    def test_a_job_stays_in_its_inbox(self, store: JobStore, library: Library) -> None:
        job_id = describe(store, "a", replace(SPEC, inbox="scans"))
        store.describe_again([job_id], ALT_TEXT)
        assert [job.spec.inbox for job in library.jobs(state=JobState.QUEUED)] == ["scans"]

    def test_what_was_requested_keeps_its_recipe_when_the_settings_change(
        self, store: JobStore, library: Library
    ) -> None:
        store.describe_again([describe(store, "a")], ALT_TEXT)
        assert store.follow_recipes(lambda _: SPEC) == 0


def named(name: str) -> NewFile:
    return new_file(f"/inbox/{name}".encode(), name.encode())


def names(jobs: list[Job]) -> list[str]:
    return [job.name for job in jobs]


def describe(store: JobStore, name: str, spec: JobSpec = SPEC) -> int:
    file = named(name)
    store.admit(file, spec=spec, model=MODEL, max_attempts=3)
    claim = store.claim("w", lease_seconds=60.0)
    assert claim is not None
    facts = RecipeFacts(name=spec.recipe, version=1, digest=spec.recipe_digest)
    store.publish(claim, replace(description_of(file), recipe=facts))
    store.finish(claim)
    return claim.job.id
