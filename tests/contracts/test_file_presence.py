"""The contract of `FilePresence` on every database."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from storage.description import Description, Quality, Segment
from storage.jobs.file_presence import CHUNK_SIZE
from storage.jobs.store import JobStore
from storage.library import Library
from storage.lifecycle import Cause, JobState
from storage.records import NO_DEVICE, Admission, Job, MediaKind, NewFile, Refusal
from tests.fakes.clock import START, FakeClock
from tests.support.files import MODEL, SPEC, by_recipe, description_of, new_file

LEASE = 60.0
FILE = new_file()


def admit(store: JobStore, file: NewFile = FILE) -> tuple[Admission, int]:
    return store.admit(file, spec=SPEC, model=MODEL, max_attempts=3)


def done(store: JobStore, file: NewFile = FILE) -> int:
    job = admit(store, file)[1]
    claim = store.claim("worker", lease_seconds=LEASE)
    assert claim is not None
    assert claim.job.id == job
    store.publish(claim, description_of(file))
    store.finish(claim)
    return job


def job_at(library: Library, path: bytes = FILE.path) -> Job:
    job = library.job_at(path)
    assert job is not None
    return job


def on_disk(file: NewFile, device: int) -> NewFile:
    return replace(file, fingerprint=replace(file.fingerprint, device=device))


class TestDisks:
    """The system can give disks other device numbers."""

    OTHER = new_file(b"/inbox/card/dune.jpg", b"dune", inode=9)

    def test_a_known_disk_gets_its_new_number_and_all_others_become_unknown(
        self, store: JobStore, library: Library
    ) -> None:
        inbox, card = done(store, on_disk(FILE, 1)), done(store, on_disk(self.OTHER, 11))
        assert store.presence.renumber_devices({1: 17}) == 2
        assert [library.job(id).fingerprint.device for id in (inbox, card)] == [17, NO_DEVICE]
        assert library.job(card).fingerprint == self.OTHER.fingerprint, "all else stays"

    def test_a_present_file_updates_its_device_number(self, store: JobStore, library: Library) -> None:
        job = done(store, on_disk(self.OTHER, NO_DEVICE))
        store.presence.update_fingerprints({job: on_disk(self.OTHER, 12).fingerprint})
        assert library.job(job).fingerprint.device == 12
        store.presence.update_fingerprints({job: on_disk(FILE, 13).fingerprint})
        assert library.job(job).fingerprint.device == 12, "another file than the job's"

    def test_jobs_are_found_by_their_file_on_whatever_disk(self, store: JobStore, library: Library) -> None:
        job = done(store, on_disk(FILE, 1))
        assert [found.id for found in library.jobs_of([on_disk(FILE, 4711).fingerprint])] == [job]
        assert store.presence.mark_missing([], {FILE.path: on_disk(FILE, 4711).fingerprint}) == 0, "no other file"
        assert store.relocate(library.job(job), b"/inbox/moved.jpg")


class TestMissing:
    def test_every_finished_job_of_a_path_is_marked_once_and_queued_ones_are_not(
        self, store: JobStore, library: Library, clock: FakeClock
    ) -> None:
        ended = done(store)
        failed = admit(store, new_file(b"/inbox/bad.jpg"))[1]
        claim = store.claim("worker", lease_seconds=LEASE)
        assert claim is not None
        store.fail(claim, code="damaged", reason="Half a file.", cause=Cause.INPUT)
        waiting = admit(store, new_file(b"/inbox/new.jpg"))[1]
        began = clock.now()
        gone = [FILE.path, b"/inbox/bad.jpg", b"/inbox/new.jpg", b"/inbox/never seen.jpg"]
        assert store.presence.mark_missing(gone) == 2
        clock.advance(60)
        assert store.presence.mark_missing(gone) == 0
        assert [library.job(id).missing_since for id in (ended, failed, waiting)] == [began, began, None]
        assert [id for id, _, _ in library.ended()] == []
        assert library.missing() == [(ended, FILE.path, began)]

    def test_more_paths_than_one_statement_takes(self, store: JobStore, library: Library) -> None:
        files = [new_file(b"/inbox/%d.jpg" % number, b"%d" % number) for number in range(CHUNK_SIZE + 1)]
        store.presence.import_described([(file, description_of(file)) for file in files], max_attempts=3)
        assert store.presence.mark_missing([file.path for file in files]) == CHUNK_SIZE + 1
        ids = [id for id, _, _ in library.missing()]
        store.presence.mark_found(ids)
        assert library.missing() == []
        assert store.presence.republish(ids) == CHUNK_SIZE + 1

    def test_of_a_replaced_path_the_job_about_the_present_file_is_spared(
        self, store: JobStore, library: Library
    ) -> None:
        old, new = done(store), done(store, now := new_file(content=b"higher waves", inode=8))
        assert store.presence.mark_missing([], {FILE.path: now.fingerprint}) == 1
        assert [library.job(id).missing_since is None for id in (old, new)] == [False, True]
        assert library.missing() == [], "another job is the last word on the path"

    def test_a_file_that_is_found_again_has_its_job_again(self, store: JobStore, library: Library) -> None:
        job = done(store)
        store.presence.mark_missing([FILE.path])
        store.presence.mark_found([job])
        assert library.job(job).missing_since is None
        assert [(id, is_done) for id, _, is_done in library.ended()] == [(job, True)]

    def test_the_same_bytes_that_come_anew_have_their_job_again(self, store: JobStore, library: Library) -> None:
        job = done(store)
        store.presence.mark_missing([FILE.path])
        assert admit(store, new_file(inode=8)) == (Admission.ALREADY_DESCRIBED, job)
        assert library.job(job).missing_since is None

    def test_a_moved_job_is_present_and_the_one_it_replaces_is_missing(self, store: JobStore, library: Library) -> None:
        there = done(store, new_file(b"/inbox/sea.jpg", b"sea", inode=8))
        job = done(store)
        store.presence.mark_missing([FILE.path])
        assert store.relocate(library.job(job), b"/inbox/sea.jpg")
        assert library.job(job).missing_since is None
        assert library.job(there).missing_since is not None


class TestRestored:
    def test_a_done_job_is_published_again_with_the_same_description(
        self, store: JobStore, library: Library, clock: FakeClock
    ) -> None:
        job = done(store)
        assert store.presence.republish([job]) == 1
        assert store.presence.republish([job]) == 0, "it is under way"
        assert library.job(job).state is JobState.PUBLISHING
        ((claim, description),) = store.claim_unpublished("worker", lease_seconds=LEASE)
        assert description == description_of(FILE)
        store.finish(claim)
        assert library.job(job).state is JobState.DONE
        assert "Its sidecars are missing and are written again." in [event.note for event in library.events(job)]

    def test_a_job_whose_file_is_missing_or_that_is_not_the_newest_is_left_alone(
        self, store: JobStore, library: Library
    ) -> None:
        old, missing = done(store), done(store, new_file(b"/inbox/gone.jpg"))
        admit(store, new_file(content=b"higher waves", inode=8))
        store.presence.mark_missing([b"/inbox/gone.jpg"])
        assert store.presence.republish([old, missing]) == 0
        assert [library.job(id).state for id in (old, missing)] == [JobState.DONE, JobState.DONE]

    def test_the_number_claimed_at_once_is_limited(self, store: JobStore, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("storage.jobs.recovery.MAX_UNPUBLISHED", 2)
        jobs = [done(store, new_file(b"/inbox/%d.jpg" % number, b"%d" % number)) for number in range(3)]
        store.presence.republish(jobs)
        taken = [
            [claim.job.id for claim, _ in store.claim_unpublished("worker", lease_seconds=LEASE)] for _ in range(3)
        ]
        assert taken == [jobs[:2], jobs[2:], []]


class TestChangedFrom:
    """A file's earlier contents, and earlier files of the same name."""

    def test_bytes_that_replaced_described_ones_while_the_name_was_held_are_the_same_file(
        self, store: JobStore
    ) -> None:
        first = done(store)
        second = done(store, new_file(content=b"higher waves"))
        third = admit(store, new_file(content=b"storm"))[1]
        assert store.presence.changed_from(third) == {FILE.digest, new_file(content=b"higher waves").digest}
        assert store.presence.changed_from(second) == {FILE.digest}
        assert store.presence.changed_from(first) == frozenset()

    @pytest.mark.parametrize("how", ["seen free", "newcomer", "newcomer while another waits"])
    def test_a_name_that_was_free_in_between_holds_another_file(self, store: JobStore, how: str) -> None:
        done(store)
        other = new_file(content=b"mountains", inode=8)
        if how == "seen free":
            store.presence.mark_missing([FILE.path])
        if how == "newcomer while another waits":
            admit(store, new_file(content=b"higher waves"))
        job = admit(store, replace(other, name_was_free=how != "seen free"))[1]
        assert store.presence.changed_from(job) == frozenset()

    def test_what_was_never_described_does_not_join_what_was_before_it(self, store: JobStore) -> None:
        done(store)
        admit(store, replace(new_file(content=b"mountains", inode=8), name_was_free=True))
        claim = store.claim("worker", lease_seconds=LEASE)
        assert claim is not None
        store.fail(claim, code="damaged", reason="Half a file.", cause=Cause.INPUT)
        assert (
            store.presence.changed_from(admit(store, new_file(content=b"whole mountains", inode=8))[1]) == frozenset()
        )

    def test_the_same_bytes_that_come_anew_are_no_other_file(self, store: JobStore, library: Library) -> None:
        job = done(store)
        assert admit(store, replace(new_file(inode=8), name_was_free=True)) == (Admission.ALREADY_DESCRIBED, job)
        assert library.job(job).missing_since is None


class TestTakenBack:
    def test_an_imported_description_is_a_done_job(self, store: JobStore, library: Library, clock: FakeClock) -> None:
        file = new_file(b"/inbox/bad\xff.mov", kind=MediaKind.VIDEO, format="mov", inode=2**64 - 1)
        stored = description_of(
            file,
            timeline=(Segment(start=0, end=1, text="Waves."), Segment(start=1, end=2, text="\udcff")),
            quality=Quality(verdict="suspect", reasons=("caption: loop",)),
        )
        assert store.presence.import_described([(file, stored)], max_attempts=3) == {file.path}
        job = job_at(library, file.path)
        assert (job.state, job.attempts, job.finished_at) == (JobState.DONE, 0, clock.now())
        assert library.description(job.id) == replace(
            stored, timeline=(stored.timeline[0], Segment(start=1, end=2, text="\\udcff"))
        )
        assert [(event.before, event.after) for event in library.events(job.id)] == [(None, JobState.DONE)]
        assert admit(store, file) == (Admission.ALREADY_DESCRIBED, job.id)
        assert store.claim("worker", lease_seconds=LEASE) is None

    def test_known_paths_are_not_imported(self, store: JobStore, library: Library) -> None:
        described, waits = done(store), admit(store, new_file(b"/inbox/new.jpg", b"new"))[1]
        before = [library.job(id) for id in (described, waits)]
        files = [FILE, new_file(b"/inbox/new.jpg", b"new"), new_file(b"/inbox/lost.jpg", b"lost")]
        stored = [(file, description_of(file, answers={"caption": "From elsewhere."})) for file in files]
        assert store.presence.import_described(stored, max_attempts=3) == {b"/inbox/lost.jpg"}
        assert store.presence.import_described(stored, max_attempts=3) == set()
        assert [library.job(id) for id in (described, waits)] == before
        assert library.description(described) == description_of(FILE)

    def test_two_files_of_the_same_bytes_are_imported_separately(self, store: JobStore, library: Library) -> None:
        files = [new_file(b"/inbox/%s.jpg" % name) for name in (b"a", b"b")]
        stored: list[tuple[NewFile, Description]] = [
            (file, description_of(file, answers={"caption": file.path.decode()})) for file in files
        ]
        assert len(store.presence.import_described(stored, max_attempts=3)) == 2
        for file, description in stored:
            assert library.description(job_at(library, file.path).id) == description

    def test_every_description_of_a_file_gets_a_job_and_the_newest_one_the_newest(
        self, store: JobStore, library: Library
    ) -> None:
        newest = description_of(FILE, described_at=START + timedelta(hours=1))
        other = by_recipe(description_of(FILE, answers={"caption": "Waves on sand."}), "alt-text")
        lost = new_file(b"/inbox/lost.jpg", b"lost")
        stored = [(FILE, newest), (lost, description_of(lost)), (FILE, other)]
        assert store.presence.import_described(stored, max_attempts=3) == {FILE.path, lost.path}
        found = [library.description(job.id) for job in library.jobs(limit=10) if job.path == FILE.path]
        assert found == [newest, other]
        assert library.description(job_at(library).id) == newest

    def test_an_import_removes_the_refusal_of_its_path(
        self, store: JobStore, library: Library, clock: FakeClock
    ) -> None:
        store.refuse(Refusal(path=FILE.path, code="not-downloaded", reason="In the cloud.", at=clock.now()))
        store.presence.import_described([(FILE, description_of(FILE))], max_attempts=3)
        assert library.refusal(FILE.path) is None


def test_times_are_exact(store: JobStore, library: Library, clock: FakeClock) -> None:
    clock.advance(timedelta(microseconds=123456).total_seconds())
    job = done(store)
    store.presence.mark_missing([FILE.path])
    assert library.job(job).missing_since == clock.now()
