"""The contract of a job store on every database: described files are described again on request."""

from __future__ import annotations

from dataclasses import replace

from storage.description import RecipeFacts
from storage.jobs.redescription import REDO_PRIORITY
from storage.jobs.store import JobStore
from storage.library import Library
from storage.lifecycle import Cause, JobState
from storage.records import Job, JobSpec, NewFile
from tests.support.files import MODEL, SPEC, description_of, new_file

ALT_TEXT = JobSpec(recipe="alt-text", recipe_digest="8899aabbccddeeff")
NEWER = replace(ALT_TEXT, recipe_digest="7700000000000000")


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
        assert names(library.describable(NEWER, changed_for=MODEL)) == ["older"]
        assert names(library.describable(NEWER, changed_for="another@1")) == ["older", "current"]
        assert names(library.describable(SPEC, changed_for=MODEL)) == []
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

    def test_a_job_stays_in_its_inbox(self, store: JobStore, library: Library) -> None:
        job_id = describe(store, "a", replace(SPEC, inbox="scans"))
        store.describe_again([job_id], ALT_TEXT)
        assert [job.spec.inbox for job in library.jobs(state=JobState.QUEUED)] == ["scans"]

    def test_what_was_requested_keeps_its_recipe_when_the_settings_change(
        self, store: JobStore, library: Library
    ) -> None:
        store.describe_again([describe(store, "a")], ALT_TEXT)
        assert store.follow_settings(SPEC) == 0


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
