"""The contract of a job store on every database: the jobs of several inboxes."""

from __future__ import annotations

from dataclasses import replace

from storage.jobs.store import JobStore
from storage.library import Library
from storage.lifecycle import JobState
from storage.records import JobSpec
from tests.support.files import MODEL, SPEC, description_of, new_file

LEASE = 60.0
SCANS = JobSpec(recipe="document", recipe_digest="8899aabbccddeeff", inbox="scans")


class TestSeveralInboxes:
    def test_the_jobs_of_a_missing_inbox_wait_and_the_others_are_claimed(self, store: JobStore) -> None:
        waiting = admit(store, "/scans/a", SCANS)
        other = admit(store, "/inbox/b")
        claims = store.claim_all("w", lease_seconds=LEASE, most=8, missing_inboxes=["scans"])
        assert [claim.job.id for claim in claims] == [other]
        assert [claim.job.id for claim in store.claim_all("w", lease_seconds=LEASE, most=8)] == [waiting]

    def test_jobs_get_the_name_of_the_inbox_that_their_path_is_in_now(self, store: JobStore, library: Library) -> None:
        paths = ("/disk/photos/a", "/disk/photos/b/c", "/disk/photos", "/disk/photos 2/d", "/elsewhere/e", "/disk/f")
        ids = [admit(store, path) for path in paths]
        roots = {"photos": b"/disk/photos", "more": b"/disk/photos 2"}
        assert store.follow_inboxes(roots) == 3
        assert [library.job(id).spec.inbox for id in ids] == ["photos", "photos", "inbox", "more", "inbox", "inbox"]
        assert store.follow_inboxes(roots) == 0

    def test_a_waiting_job_is_asked_what_is_asked_where_its_file_is_moved(
        self, store: JobStore, library: Library
    ) -> None:
        job = library.job(admit(store, "/inbox/a"))
        assert store.relocate(job, b"/scans/a", SCANS)
        assert library.job(job.id).spec == SCANS

    def test_a_description_keeps_its_recipe_in_another_inbox(self, store: JobStore, library: Library) -> None:
        job_id = admit(store, "/inbox/a")
        claim = store.claim("w", lease_seconds=LEASE)
        assert claim is not None
        store.publish(claim, description_of(new_file(claim.job.path, b"/inbox/a")))
        store.finish(claim)
        assert store.relocate(library.job(job_id), b"/scans/a", SCANS)
        moved = library.job(job_id)
        assert moved.state is JobState.PUBLISHING
        assert moved.spec == replace(SPEC, inbox="scans")

    def test_a_waiting_job_is_not_moved_to_where_its_new_recipe_waits_already(
        self, store: JobStore, library: Library
    ) -> None:
        job = library.job(admit(store, "/inbox/a"))
        admit(store, "/scans/a", SCANS)
        assert not store.relocate(job, b"/scans/a", SCANS)
        assert library.job(job.id) == job


def admit(store: JobStore, path: str, spec: JobSpec = SPEC) -> int:
    file = new_file(path.encode(), path.encode())
    return store.admit(file, spec=spec, model=MODEL, max_attempts=3)[1]
