"""The contract of a job store on every database."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from config.errors import NotFoundError
from storage.description import Quality, Segment
from storage.errors import ClaimLostError
from storage.jobs.store import JobStore
from storage.library import Library
from storage.lifecycle import Cause, JobState
from storage.records import Admission, Claim, MediaKind, NewFile, Refusal
from tests.fakes.clock import FakeClock
from tests.support.files import KEY, MODEL, RECIPE, SPEC, description_of, new_file
from tests.support.stores import Made

LEASE = 60.0


class TestJobStore:
    # Admission

    def test_a_new_file_is_queued(self, store: JobStore, library: Library, clock: FakeClock) -> None:
        file = new_file(b"/inbox/bad\xff\n.jpg", inode=2**64 - 1, mtime_ns=-(2**70))
        admission, job_id = admit(store, file)
        assert admission is Admission.QUEUED
        job = library.job(job_id)
        assert (job.path, job.digest, job.fingerprint) == (file.path, file.digest, file.fingerprint)
        assert (job.state, job.attempts, job.max_attempts, job.queued_at) == (JobState.QUEUED, 0, 3, clock.now())
        assert library.job_at(file.path) == job

    def test_many_files_are_admitted_at_once_each_as_if_it_came_alone(self, store: JobStore, library: Library) -> None:
        admit(store, new_file(b"/inbox/gone.jpg"))
        store.mark_gone(claimed(store), "It went away.")
        waiting = admit(store, new_file(b"/inbox/waiting.jpg"))[1]
        names = (b"new.jpg", b"twin.jpg", b"waiting.jpg", b"gone.jpg")
        files = [new_file(b"/inbox/" + name) for name in names]
        admitted = store.admit_all(files, spec=SPEC, model=MODEL, max_attempts=3)
        kinds = [admission for admission, _ in admitted]
        assert kinds == [Admission.QUEUED, Admission.QUEUED, Admission.ALREADY_QUEUED, Admission.QUEUED]
        assert admitted[2][1] == waiting
        for file, (_, job_id) in zip(files, admitted, strict=True):
            assert (library.job(job_id).path, library.job(job_id).digest) == (file.path, file.digest)
            assert [event.note for event in library.events(job_id)] == ["Admitted."]

    def test_many_files_wait_in_the_order_in_which_they_came(self, store: JobStore, library: Library) -> None:
        names = [b"/inbox/%d.jpg" % number for number in (3, 1, 2)]
        files = [new_file(name, content=name) for name in names]
        store.admit_all(files, spec=SPEC, model=MODEL, max_attempts=3)
        assert [claimed(store).job.path for _ in names] == names

    def test_a_file_that_waits_is_already_queued(self, store: JobStore, library: Library) -> None:
        _, job_id = admit(store)
        assert admit(store) == (Admission.ALREADY_QUEUED, job_id)
        assert len(library.jobs()) == 1

    def test_a_file_that_changes_while_it_waits_keeps_its_job_and_starts_over(
        self, store: JobStore, library: Library, clock: FakeClock
    ) -> None:
        _, job_id = admit(store)
        claim = claimed(store)
        later = clock.now() + timedelta(minutes=5)
        store.retry_later(claim, code="damaged", reason="Half a file.", cause=Cause.TRANSIENT, not_before=later)
        changed = new_file(content=b"higher waves")
        assert admit(store, changed) == (Admission.ALREADY_QUEUED, job_id)
        job = library.job(job_id)
        assert (job.digest, job.fingerprint) == (changed.digest, changed.fingerprint)
        assert (job.attempts, job.not_before, job.reason) == (0, None, None)

    def test_a_file_that_is_touched_while_it_waits_is_known_by_its_new_fingerprint(
        self, store: JobStore, library: Library
    ) -> None:
        _, job_id = admit(store)
        touched = new_file(mtime_ns=5)
        assert admit(store, touched) == (Admission.ALREADY_QUEUED, job_id)
        assert library.job(job_id).fingerprint == touched.fingerprint

    def test_a_file_that_is_worked_on_is_already_queued(self, store: JobStore) -> None:
        _, job_id = admit(store)
        claim = claimed(store)
        assert admit(store) == (Admission.ALREADY_QUEUED, job_id)
        store.publish(claim, description_of(new_file()))
        assert admit(store) == (Admission.ALREADY_QUEUED, job_id)

    def test_a_file_that_changes_while_it_is_worked_on_waits_for_that_to_end(
        self, store: JobStore, library: Library
    ) -> None:
        _, first = admit(store)
        claim = claimed(store)
        changed = new_file(content=b"higher waves")
        admission, second = admit(store, changed)
        assert admission is Admission.QUEUED
        assert second != first
        assert admit(store, changed) == (Admission.ALREADY_QUEUED, second)
        assert store.claim("w", lease_seconds=LEASE) is None, "never two claims on one path"
        store.publish(claim, description_of(new_file()))
        assert store.claim("w", lease_seconds=LEASE) is None
        store.finish(claim)
        assert claimed(store).job.id == second
        assert library.job(first).state is JobState.DONE

    def test_a_file_that_changes_back_while_its_change_waits_has_one_waiting_job_of_its_bytes(
        self, store: JobStore, library: Library
    ) -> None:
        admit(store)
        claimed(store)
        _, second = admit(store, new_file(content=b"higher waves"))
        assert admit(store) == (Admission.ALREADY_QUEUED, second)
        assert library.job(second).digest == new_file().digest

    def test_a_described_file_is_not_described_again(self, store: JobStore) -> None:
        job_id = done(store)
        assert admit(store) == (Admission.ALREADY_DESCRIBED, job_id)

    def test_a_described_file_that_is_touched_is_known_by_its_new_fingerprint(
        self, store: JobStore, library: Library
    ) -> None:
        job_id = done(store)
        touched = new_file(mtime_ns=5)
        assert admit(store, touched) == (Admission.ALREADY_DESCRIBED, job_id)
        assert library.job(job_id).fingerprint == touched.fingerprint

    @pytest.mark.parametrize(
        ("content", "model", "recipe"),
        [(b"new", MODEL, RECIPE), (b"waves", "another@1", RECIPE), (b"waves", MODEL, "ffff")],
    )
    def test_other_bytes_another_model_and_another_recipe_are_new_work(
        self, store: JobStore, content: bytes, model: str, recipe: str
    ) -> None:
        job_id = done(store)
        spec = replace(SPEC, recipe_digest=recipe)
        admission, again = store.admit(new_file(content=content), spec=spec, model=model, max_attempts=3)
        assert admission is Admission.QUEUED
        assert again != job_id

    def test_bytes_that_come_back_after_a_change_are_new_work(self, store: JobStore) -> None:
        done(store)
        done(store, new_file(content=b"higher waves"))
        assert admit(store)[0] is Admission.QUEUED, "the sidecars are about the other bytes now"

    def test_the_same_bytes_at_another_path_are_queued_and_their_description_is_cached(self, store: JobStore) -> None:
        done(store)
        copy = new_file(b"/inbox/copy.jpg")
        assert admit(store, copy)[0] is Admission.QUEUED
        assert store.answers.description(copy.digest, KEY) == description_of(new_file())

    def test_only_the_same_bytes_model_and_recipe_are_cached(self, store: JobStore) -> None:
        done(store)
        digest = new_file().digest
        assert store.answers.description(new_file(content=b"x").digest, KEY) is None
        assert store.answers.description(digest, replace(KEY, model="another@1")) is None
        assert store.answers.description(digest, replace(KEY, recipe="ffff")) is None
        assert store.answers.description(digest, replace(KEY, detail="full")) is None

    def test_a_failed_or_skipped_file_is_retried_only_on_request(self, store: JobStore) -> None:
        _, failed = admit(store)
        store.fail(claimed(store), code="damaged", reason="No picture.", cause=Cause.INPUT)
        assert admit(store) == (Admission.ALREADY_DESCRIBED, failed)
        _, skipped = admit(store, new_file(b"/inbox/b.jpg"))
        store.skip(claimed(store), code="not-allowed", reason="A list.")
        assert admit(store, new_file(b"/inbox/b.jpg")) == (Admission.ALREADY_DESCRIBED, skipped)

    def test_a_file_that_went_away_and_came_back_is_new_work(self, store: JobStore) -> None:
        _, first = admit(store)
        store.mark_gone(claimed(store), "It went away.")
        admission, second = admit(store)
        assert admission is Admission.QUEUED
        assert second != first

    # Relocation

    def test_a_queued_job_moves_with_its_file(self, store: JobStore, library: Library) -> None:
        _, job_id = admit(store)
        assert store.relocate(library.job(job_id), b"/inbox/sea.jpg")
        job = library.job(job_id)
        assert (job.path, job.state, library.job_at(b"/inbox/beach.jpg")) == (b"/inbox/sea.jpg", JobState.QUEUED, None)
        assert library.events(job_id)[-1].note == "The file was moved here from /inbox/beach.jpg."
        assert admit(store, new_file(b"/inbox/sea.jpg")) == (Admission.ALREADY_QUEUED, job_id)

    def test_a_described_file_that_was_moved_is_published_at_its_new_place(
        self, store: JobStore, library: Library
    ) -> None:
        job_id = done(store)
        assert store.relocate(library.job(job_id), b"/inbox/sea.jpg")
        assert store.claim("w", lease_seconds=LEASE) is None, "it is not described again"
        ((claim, description),) = store.claim_unpublished("w", lease_seconds=LEASE)
        assert (claim.job.id, description.path, description.name) == (job_id, b"/inbox/sea.jpg", "sea.jpg")
        store.finish(claim)
        assert library.job(job_id).state is JobState.DONE

    def test_a_failed_job_stays_failed_at_the_new_place(self, store: JobStore, library: Library) -> None:
        _, job_id = admit(store)
        store.fail(claimed(store), code="damaged", reason="No picture.", cause=Cause.INPUT)
        assert store.relocate(library.job(job_id), b"/inbox/sea.jpg")
        job = library.job(job_id)
        assert (job.state, job.reason, job.path) == (JobState.FAILED, "No picture.", b"/inbox/sea.jpg")

    def test_a_gone_job_is_queued_at_the_new_place(self, store: JobStore, library: Library) -> None:
        _, job_id = admit(store)
        store.mark_gone(claimed(store), "It went away.")
        assert store.relocate(library.job(job_id), b"/inbox/sea.jpg")
        job = library.job(job_id)
        assert (job.state, job.attempts, job.reason, job.finished_at) == (JobState.QUEUED, 0, None, None)
        assert claimed(store).job.id == job_id

    def test_a_claimed_job_stays_with_its_worker(self, store: JobStore, library: Library) -> None:
        _, job_id = admit(store)
        waiting = library.job(job_id)
        claim = claimed(store)
        for job in (waiting, library.job(job_id)):
            assert not store.relocate(job, b"/inbox/sea.jpg")
        store.publish(claim, description_of(new_file()))
        assert not store.relocate(library.job(job_id), b"/inbox/sea.jpg")
        assert library.job(job_id).path == b"/inbox/beach.jpg"

    def test_a_path_with_a_job_of_its_own_takes_no_other(self, store: JobStore, library: Library) -> None:
        _, first = admit(store)
        _, second = admit(store, new_file(b"/inbox/sea.jpg", b"calm"))
        assert not store.relocate(library.job(first), b"/inbox/sea.jpg")
        assert not store.relocate(library.job(second), b"/inbox/beach.jpg")

    def test_jobs_are_found_by_their_file_at_any_path(self, store: JobStore, library: Library) -> None:
        first, second = new_file(), new_file(b"/inbox/linked.jpg")
        jobs = {admit(store, first)[1], admit(store, second)[1]}
        admit(store, new_file(b"/inbox/sea.jpg", inode=8))
        assert {job.id for job in library.jobs_of([first.fingerprint])} == jobs
        assert library.jobs_of([]) == []

    # Refusals

    def test_the_last_refusal_of_a_path_is_kept_until_it_is_admitted(
        self, store: JobStore, library: Library, clock: FakeClock
    ) -> None:
        file = new_file(b"/inbox/bad\xff.jpg")
        store.refuse(Refusal(path=file.path, code="settling", reason="Being written.", at=clock.now()))
        last = Refusal(path=file.path, code="cloud", reason="'bad\udcff.jpg' is not downloaded.", at=clock.now())
        store.refuse(last)
        kept = library.refusal(file.path)
        assert kept == replace(last, reason="'bad\\udcff.jpg' is not downloaded.")
        admit(store, file)
        assert library.refusal(file.path) is None

    # Claims

    def test_the_oldest_is_claimed_first(self, store: JobStore, clock: FakeClock) -> None:
        order = []
        for name in (b"c", b"a", b"b"):
            order.append(admit(store, new_file(name, content=name))[1])
            clock.advance(1)
        assert [claimed(store).job.id for _ in order] == order

    def test_a_claim_is_leased_and_charged(self, store: JobStore, library: Library, clock: FakeClock) -> None:
        admit(store)
        clock.advance(4)
        claim = claimed(store)
        assert (claim.owner, claim.job.state, claim.job.attempts) == ("w", JobState.RUNNING, 1)
        assert claim.job.started_at == clock.now()
        assert library.job(claim.job.id) == claim.job

    def test_nothing_to_claim_is_none(self, store: JobStore) -> None:
        assert store.claim("w", lease_seconds=LEASE) is None

    def test_several_are_claimed_at_once_in_the_order_in_which_they_wait(
        self, store: JobStore, library: Library
    ) -> None:
        names = [b"/inbox/%d.jpg" % number for number in range(5)]
        for name in names:
            admit(store, new_file(name, content=name))
        claims = store.claim_all("w", lease_seconds=LEASE, most=3)
        assert [claim.job.path for claim in claims] == names[:3]
        assert {(claim.job.state, claim.job.attempts, claim.owner) for claim in claims} == {(JobState.RUNNING, 1, "w")}
        assert [library.events(claim.job.id)[-1].note for claim in claims] == ["Claimed by w."] * 3
        assert [claim.job.path for claim in store.claim_all("w", lease_seconds=LEASE, most=3)] == names[3:]
        assert store.claim_all("w", lease_seconds=LEASE, most=3) == []
        assert all(store.beat(claim, lease_seconds=LEASE) for claim in claims)

    def test_of_many_leases_those_of_lost_claims_are_not_renewed(self, store: JobStore, clock: FakeClock) -> None:
        for name in (b"/inbox/a.jpg", b"/inbox/b.jpg", b"/inbox/c.jpg"):
            admit(store, new_file(name, content=name))
        claims = store.claim_all("w", lease_seconds=LEASE, most=3)
        kept, lost, also = [claim.job.id for claim in claims]
        store.release(claims[1], "Given back.")
        other = claimed(store)
        assert other.job.id == lost
        clock.advance(LEASE / 2)
        assert store.beat_all(claims, lease_seconds=LEASE) == {kept, also}
        clock.advance(LEASE / 2 + 1)
        assert store.reap() == [lost]

    def test_of_files_with_the_same_bytes_one_is_claimed_unless_it_is_fresh(self, store: JobStore) -> None:
        for name in (b"/inbox/a.jpg", b"/inbox/b.jpg"):
            admit(store, new_file(name))
        admit(store, new_file(b"/inbox/other.jpg", content=b"other"))
        paths = [claim.job.path for claim in store.claim_all("w", lease_seconds=LEASE, most=8)]
        assert paths == [b"/inbox/a.jpg", b"/inbox/other.jpg"]

    def test_a_job_that_was_tried_before_is_claimed_alone(self, store: JobStore) -> None:
        tried = admit(store, new_file(b"/inbox/tried.jpg", content=b"tried"))[1]
        claimed(store)
        store.abandon_all("The worker was killed.")
        first = admit(store, new_file(b"/inbox/new.jpg", content=b"new"))[1]
        assert [claim.job.id for claim in store.claim_all("w", lease_seconds=LEASE, most=8)] == [tried]
        store.abandon_all("The worker was killed.")
        store.release(store.claim_all("w", lease_seconds=LEASE, most=8)[0], "Waits.")
        assert [claim.job.id for claim in store.claim_all("w", lease_seconds=LEASE, most=8)] == [tried]
        assert [claim.job.id for claim in store.claim_all("w", lease_seconds=LEASE, most=8)] == [first]

    def test_a_claim_that_was_lost_stops_none_of_those_that_are_published_with_it(
        self, store: JobStore, library: Library, made: Made
    ) -> None:
        files = [new_file(b"/inbox/%d.jpg" % number, content=b"%d" % number) for number in range(3)]
        for file in files:
            admit(store, file)
        kept, lost, also = store.claim_all("w", lease_seconds=LEASE, most=3)
        store.release(lost, "Given back.")
        other = claimed(store)
        described = [(claim, description_of(file)) for claim, file in zip((kept, lost, also), files, strict=True)]
        assert store.publish_all(described) == {kept.job.id, also.job.id}
        assert library.job(lost.job.id).state is JobState.RUNNING
        assert library.description(lost.job.id) is None
        assert store.beat(other, lease_seconds=LEASE), "the present claim still holds"
        assert library.description(also.job.id) == described[2][1]
        assert store.publish_all(described) == set(), "nothing is published twice"
        store.abandon_all("restart")
        again = store.claim_all("w2", lease_seconds=LEASE, most=3)
        assert [claim.job.id for claim in again] == [lost.job.id]
        assert made.problems() == []

    def test_a_claim_that_was_lost_stops_none_of_those_that_are_finished_with_it(
        self, store: JobStore, library: Library, made: Made, clock: FakeClock
    ) -> None:
        files = [new_file(b"/inbox/%d.jpg" % number, content=b"%d" % number) for number in range(2)]
        for file in files:
            admit(store, file)
        first, second = store.claim_all("w", lease_seconds=LEASE, most=2)
        store.publish_all([(first, description_of(files[0])), (second, description_of(files[1]))])
        store.postpone(first, code="disk-full", reason="The disk is full.", not_before=clock.now())
        assert store.finish_all([(first, ""), (second, "As it should.")]) == {second.job.id}
        assert [library.job(claim.job.id).state for claim in (first, second)] == [JobState.PUBLISHING, JobState.DONE]
        assert library.events(second.job.id)[-1].note == "As it should."
        assert made.problems() == []

    def test_of_many_digests_the_described_ones_are_found(self, store: JobStore) -> None:
        for name in (b"/inbox/a.jpg", b"/inbox/b.jpg"):
            admit(store, new_file(name, content=name))
        file, other = new_file(b"/inbox/a.jpg", content=b"/inbox/a.jpg"), new_file(content=b"/inbox/b.jpg")
        store.publish(claimed(store), description_of(file))
        digests = [file.digest, other.digest, "blake2b:" + "0" * 64]
        assert store.answers.described(digests, KEY) == {file.digest}
        assert store.answers.described(digests, replace(KEY, model="other@1")) == set()
        assert store.answers.described(digests, replace(KEY, recipe="other")) == set()
        assert store.answers.described(digests, replace(KEY, detail="full")) == set()

    def test_four_workers_claim_200_jobs_once_each(self, store: JobStore) -> None:
        ids = {admit(store, new_file(b"/inbox/%d.jpg" % number, b"%d" % number))[1] for number in range(200)}
        claims: list[Claim] = []

        def work(owner: str) -> None:
            while claim := store.claim(owner, lease_seconds=LEASE):
                claims.append(claim)

        threads = [threading.Thread(target=work, args=(f"w{number}",)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(claims) == 200
        assert {claim.job.id for claim in claims} == ids

    def test_the_same_bytes_at_another_path_wait_for_the_description(self, store: JobStore) -> None:
        first, twin, other = new_file(b"/inbox/a.jpg"), new_file(b"/inbox/b.jpg"), new_file(b"/inbox/c.jpg", b"c")
        ids = [admit(store, file)[1] for file in (first, twin, other)]
        claim = claimed(store)
        assert [claim.job.id, claimed(store).job.id] == [ids[0], ids[2]], "others do not wait with them"
        assert store.claim("x", lease_seconds=LEASE) is None
        store.publish(claim, description_of(first))
        assert store.answers.description(twin.digest, KEY) is not None
        assert claimed(store).job.id == ids[1], "even while the first one's sidecars are pending"

    def test_the_same_bytes_do_not_wait_for_a_description_by_another_detail(self, store: JobStore) -> None:
        full = replace(SPEC, detail="full")
        for name, spec in ((b"/inbox/a.jpg", SPEC), (b"/inbox/b.jpg", full), (b"/inbox/c.jpg", full)):
            store.admit(new_file(name), spec=spec, model=MODEL, max_attempts=3)
        claims = store.claim_all("w", lease_seconds=LEASE, most=8)
        assert [(claim.job.name, claim.job.spec.detail) for claim in claims] == [("a.jpg", None), ("b.jpg", "full")]

    def test_a_worker_claims_only_the_jobs_of_its_model(self, store: JobStore) -> None:
        other = replace(SPEC, model="other/model", priority=-1)
        for name, spec in ((b"/inbox/a.jpg", other), (b"/inbox/b.jpg", SPEC), (b"/inbox/c.jpg", other)):
            store.admit(new_file(name, content=name), spec=spec, model=MODEL, max_attempts=3)
        assert [claim.job.name for claim in store.claim_all("w", lease_seconds=LEASE, most=8)] == ["b.jpg"]
        claims = store.claim_all("w", lease_seconds=LEASE, most=8, model="other/model")
        assert [(claim.job.name, claim.job.spec) for claim in claims] == [("a.jpg", other), ("c.jpg", other)]

    def test_waiting_files_follow_the_settings_of_their_inbox_in_recipe_and_detail(
        self, store: JobStore, library: Library
    ) -> None:
        _, job_id = admit(store)
        fast = replace(SPEC, detail="fast")
        assert [store.follow_recipes(lambda _: fast), store.follow_recipes(lambda _: fast)] == [1, 0]
        assert library.job(job_id).spec == fast

    @pytest.mark.parametrize("way", ["fail", "skip", "gone", "retry", "wait", "reap", "abandon"])
    def test_the_same_bytes_are_tried_when_the_first_job_failed(
        self, store: JobStore, clock: FakeClock, way: str
    ) -> None:
        admit(store, new_file(b"/inbox/a.jpg"))
        _, twin = admit(store, new_file(b"/inbox/b.jpg"))
        claim, later = claimed(store), clock.now() + timedelta(seconds=30)
        why = {"code": "c", "reason": "r"}
        if way in ("fail", "skip"):
            store.fail(claim, **why, cause=Cause.INPUT) if way == "fail" else store.skip(claim, **why)
        elif way == "gone":
            store.mark_gone(claim, "It went away.")
        elif way in ("retry", "wait"):
            put_off = store.retry_later if way == "retry" else store.wait
            put_off(claim, **why, cause=Cause.TRANSIENT, not_before=later)
        elif way == "reap":
            clock.advance(LEASE)
            store.reap()
        else:
            store.abandon_all("The daemon died.")
        got = [claim.job.id for claim in iter(lambda: store.claim("w", lease_seconds=LEASE), None)]
        assert got == ([claim.job.id] if way in ("reap", "abandon") else [twin]), "one at a time, and never none"

    def test_a_fresh_job_does_not_wait_for_the_same_bytes(self, store: JobStore) -> None:
        job_id = done(store, new_file(b"/inbox/a.jpg"))
        admit(store, new_file(b"/inbox/b.jpg"))
        claimed(store)
        again = store.requeue(job_id)
        assert claimed(store).job.id == again.id

    def test_a_beat_keeps_the_lease(self, store: JobStore, clock: FakeClock) -> None:
        admit(store)
        claim = claimed(store)
        for _ in range(3):
            clock.advance(LEASE - 1)
            assert store.beat(claim, lease_seconds=LEASE)
            assert store.reap() == []

    # Publication

    def test_a_description_comes_back_as_it_was_given(self, store: JobStore, library: Library) -> None:
        file = new_file(b"/inbox/bad\xff.mov", kind=MediaKind.VIDEO, format="mov", inode=2**64 - 1)
        described = description_of(
            file,
            answers={"summary": "Zuerst \x1b\x00 ü 🏖 \udcff", "caption": "B"},
            timeline=(Segment(start=0.0, end=4.5, text="One."), Segment(start=4.5, end=8.0, text="Two.")),
            quality=Quality(verdict="doubtful", reasons=("loop", "cut-off")),
        )
        _, job_id = admit(store, file)
        claim = claimed(store)
        assert library.description(job_id) is None
        store.publish(claim, described)
        found = library.description(job_id)
        assert found == described
        assert found and list(found.answers) == ["summary", "caption"]
        assert library.job(job_id).state is JobState.PUBLISHING
        store.finish(claim)
        assert library.job(job_id).state is JobState.DONE

    def test_a_done_job_shows_no_old_reason(self, store: JobStore, library: Library, clock: FakeClock) -> None:
        _, job_id = admit(store)
        store.retry_later(claimed(store), code="busy", reason="Not now.", cause=Cause.TRANSIENT, not_before=clock.now())
        claim = claimed(store)
        store.publish(claim, description_of(new_file()))
        clock.advance(1)
        store.finish(claim)
        job = library.job(job_id)
        assert (job.cause, job.reason_code, job.reason, job.finished_at) == (None, None, None, clock.now())

    def test_every_transition_is_an_event(self, store: JobStore, library: Library, clock: FakeClock) -> None:
        _, job_id = admit(store)
        store.release(claimed(store), "Stopping.")
        clock.advance(1)
        claim = claimed(store)
        store.publish(claim, description_of(new_file()))
        store.finish(claim, "One sidecar was kept.")
        events = library.events(job_id)
        assert [(event.before, event.after) for event in events] == [
            (None, JobState.QUEUED),
            (JobState.QUEUED, JobState.RUNNING),
            (JobState.RUNNING, JobState.QUEUED),
            (JobState.QUEUED, JobState.RUNNING),
            (JobState.RUNNING, JobState.PUBLISHING),
            (JobState.PUBLISHING, JobState.DONE),
        ]
        assert [events[2].note, events[5].note] == ["Stopping.", "One sidecar was kept."]
        assert events[5].at == clock.now()

    # Other outcomes

    def test_a_failure_has_a_reason(self, store: JobStore, library: Library, clock: FakeClock) -> None:
        _, job_id = admit(store)
        store.fail(claimed(store), code="damaged", reason="'bad\udcff' holds no picture.", cause=Cause.INPUT)
        job = library.job(job_id)
        assert (job.state, job.cause, job.reason_code) == (JobState.FAILED, Cause.INPUT, "damaged")
        assert job.reason == "'bad\\udcff' holds no picture."
        assert job.finished_at == clock.now()
        assert library.events(job_id)[-1].note == job.reason

    def test_a_released_job_is_not_charged(self, store: JobStore, library: Library) -> None:
        _, job_id = admit(store)
        for _ in range(5):
            assert store.release(claimed(store), "Stopping.")
        job = library.job(job_id)
        assert (job.state, job.attempts) == (JobState.QUEUED, 0)

    def test_a_job_that_waits_for_the_machine_is_not_charged(
        self, store: JobStore, library: Library, clock: FakeClock
    ) -> None:
        _, job_id = admit(store)
        for _ in range(5):
            later = clock.now() + timedelta(seconds=30)
            store.wait(claimed(store), code="no-access", reason="No.", cause=Cause.ENVIRONMENT, not_before=later)
            job = library.job(job_id)
            assert (job.state, job.attempts, job.not_before, job.cause) == (
                JobState.QUEUED,
                0,
                later,
                Cause.ENVIRONMENT,
            )
            assert store.claim("w", lease_seconds=LEASE) is None
            clock.advance(30)

    def test_a_retried_job_waits_its_time_and_stays_charged(
        self, store: JobStore, library: Library, clock: FakeClock
    ) -> None:
        _, job_id = admit(store)
        later = clock.now() + timedelta(seconds=30)
        store.retry_later(claimed(store), code="busy", reason="Not now.", cause=Cause.TRANSIENT, not_before=later)
        job = library.job(job_id)
        assert (job.state, job.attempts, job.not_before, job.reason) == (JobState.QUEUED, 1, later, "Not now.")
        clock.advance(29)
        assert store.claim("w", lease_seconds=LEASE) is None
        clock.advance(1)
        assert claimed(store).job.attempts == 2

    def test_a_job_that_waits_does_not_hold_up_the_others(self, store: JobStore, clock: FakeClock) -> None:
        admit(store)
        later = clock.now() + timedelta(seconds=30)
        store.retry_later(claimed(store), code="busy", reason="Not now.", cause=Cause.TRANSIENT, not_before=later)
        _, other = admit(store, new_file(b"/inbox/b.jpg"))
        assert claimed(store).job.id == other

    def test_the_last_attempt_fails(self, store: JobStore, library: Library, clock: FakeClock) -> None:
        _, job_id = admit(store, max_attempts=2)
        for _ in range(2):
            store.retry_later(
                claimed(store), code="busy", reason="Not now.", cause=Cause.TRANSIENT, not_before=clock.now()
            )
        job = library.job(job_id)
        assert (job.state, job.attempts, job.reason_code) == (JobState.FAILED, 2, "busy")

    @pytest.mark.parametrize("way", ["release", "retry", "reap", "abandon"])
    def test_a_job_that_comes_back_when_newer_bytes_wait_is_gone(
        self, store: JobStore, library: Library, clock: FakeClock, way: str
    ) -> None:
        _, first = admit(store)
        claim = claimed(store)
        _, second = admit(store, new_file(content=b"higher waves"))
        if way == "release":
            assert store.release(claim, "Stopping.")
        elif way == "retry":
            now = clock.now()
            store.retry_later(claim, code="changed", reason="It changed.", cause=Cause.TRANSIENT, not_before=now)
        elif way == "reap":
            clock.advance(LEASE)
            assert store.reap() == [first]
        else:
            assert store.abandon_all("The daemon died.") == 1
        assert library.job(first).state is JobState.GONE
        assert claimed(store).job.id == second

    # Fencing

    def test_a_stale_worker_changes_nothing(self, store: JobStore, library: Library, clock: FakeClock) -> None:
        _, job_id = admit(store)
        stale = claimed(store)
        clock.advance(LEASE)
        assert store.reap() == [job_id]
        self.assert_changes_nothing(store, stale, clock)
        fresh = claimed(store)
        self.assert_changes_nothing(store, stale, clock)
        assert library.job(job_id) == fresh.job
        store.publish(fresh, description_of(new_file()))
        self.assert_changes_nothing(store, stale, clock)
        store.finish(fresh)

    def assert_changes_nothing(self, store: JobStore, stale: Claim, clock: FakeClock) -> None:
        because = {"code": "c", "reason": "r"}
        assert not store.beat(stale, lease_seconds=LEASE)
        assert not store.release(stale, "Late.")
        with pytest.raises(ClaimLostError):
            store.publish(stale, description_of(new_file()))
        with pytest.raises(ClaimLostError):
            store.finish(stale)
        with pytest.raises(ClaimLostError):
            store.fail(stale, **because, cause=Cause.INPUT)
        with pytest.raises(ClaimLostError):
            store.skip(stale, **because)
        with pytest.raises(ClaimLostError):
            store.mark_gone(stale, "Late.")
        with pytest.raises(ClaimLostError):
            store.retry_later(stale, **because, cause=Cause.TRANSIENT, not_before=clock.now())
        with pytest.raises(ClaimLostError):
            store.postpone(stale, **because, not_before=clock.now())

    def test_refusals_are_counted_by_code_and_kind_and_listed_newest_first(
        self, store: JobStore, library: Library, clock: FakeClock
    ) -> None:
        for number in range(3):
            path = b"/inbox/%d\xff.mp3" % number
            store.refuse(Refusal(path=path, code="not-allowed", kind="mp3", reason="", at=clock.now()))
            clock.advance(1)
        store.refuse_all(
            [
                Refusal(path=b"/inbox/link", code="symlink", reason="A link.", at=clock.now()),
                Refusal(path=b"/inbox/far", code="not-downloaded", reason="Far.", at=clock.now(), detail="SF_DATALESS"),
            ]
        )
        assert library.refusal_counts() == {
            ("not-allowed", "mp3"): 3,
            ("symlink", None): 1,
            ("not-downloaded", None): 1,
        }
        newest = library.newest_refusals({"not-allowed", "symlink"}, limit=3)
        assert [one.path for one in newest] == [b"/inbox/link", b"/inbox/2\xff.mp3", b"/inbox/1\xff.mp3"]
        assert newest[1] == library.refusal(b"/inbox/2\xff.mp3")
        assert library.newest_refusals({"no-such-code"}) == []
        assert len(library.refused_paths()) == 5

    def test_a_forgotten_refusal_leaves_nothing_behind_but_what_a_job_needs(
        self, made: Made, store: JobStore, library: Library, clock: FakeClock
    ) -> None:
        file = new_file()
        job_id = done(store, file)
        known = library.job(job_id)
        paths = [file.path, *(b"/inbox/%d.mp3" % number for number in range(30))]
        refusals = [Refusal(path=path, code="not-allowed", kind="mp3", reason="", at=clock.now()) for path in paths]
        store.refuse_all(refusals)
        store.forget_refusals([*paths[:20], b"/inbox/never-seen"])
        assert sorted(library.refused_paths()) == sorted(paths[20:])
        assert library.job_at(file.path) == known
        store.forget_refusals([])
        store.forget_refusals(paths)
        assert (library.refused_paths(), made.problems()) == ([], [])
        with made.database.read() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM paths").scalar() == 1, "the job's"
        store.refuse(refusals[1])
        assert library.refused_paths() == paths[1:2]

    def test_a_refused_change_changes_nothing(self, store: JobStore, library: Library, clock: FakeClock) -> None:
        _, job_id = admit(store)
        stale = claimed(store)
        clock.advance(LEASE)
        store.reap()
        before = (library.job(job_id), library.events(job_id))
        self.assert_changes_nothing(store, stale, clock)
        assert (library.job(job_id), library.events(job_id)) == before
        assert library.description(job_id) is None

    def test_a_finished_job_cannot_be_finished_twice(self, store: JobStore) -> None:
        admit(store)
        claim = claimed(store)
        store.publish(claim, description_of(new_file()))
        with pytest.raises(ClaimLostError):
            store.publish(claim, description_of(new_file()))
        store.finish(claim)
        with pytest.raises(ClaimLostError):
            store.finish(claim)

    def test_a_job_is_not_done_before_it_is_described(self, store: JobStore) -> None:
        admit(store)
        with pytest.raises(ClaimLostError):
            store.finish(claimed(store))

    # Recovery

    def test_only_expired_leases_are_reaped(self, store: JobStore, clock: FakeClock) -> None:
        _, silent = admit(store)
        claimed(store)
        clock.advance(LEASE / 2)
        admit(store, new_file(b"/inbox/b.jpg", b"b"))
        claimed(store)
        clock.advance(LEASE / 2)
        assert store.reap() == [silent]
        assert store.reap() == []

    def test_a_file_that_kills_its_worker_every_time_fails(
        self, store: JobStore, library: Library, clock: FakeClock
    ) -> None:
        _, job_id = admit(store)
        for attempt in (1, 2, 3):
            assert claimed(store).job.attempts == attempt
            clock.advance(LEASE)
            assert store.reap() == [job_id]
        job = library.job(job_id)
        assert (job.state, job.cause, job.reason_code) == (JobState.FAILED, Cause.TRANSIENT, "worker-died")
        assert job.reason and "3 times" in job.reason
        assert store.claim("w", lease_seconds=LEASE) is None

    def test_at_startup_every_job_is_taken_back(self, store: JobStore, library: Library) -> None:
        _, running = admit(store)
        claimed(store)
        _, last_try = admit(store, new_file(b"/inbox/b.jpg", b"b"), max_attempts=1)
        claimed(store)
        _, publishing = admit(store, new_file(b"/inbox/c.jpg", b"c"))
        described = claimed(store)
        store.publish(described, description_of(new_file(b"/inbox/c.jpg", b"c")))
        assert store.abandon_all("The daemon died.") == 3
        job = library.job(running)
        assert (job.state, job.attempts, job.reason) == (JobState.QUEUED, 1, "The daemon died.")
        assert library.job(last_try).state is JobState.FAILED
        assert library.job(publishing).state is JobState.PUBLISHING
        with pytest.raises(ClaimLostError):
            store.finish(described)
        assert store.abandon_all("Again.") == 0

    def test_described_jobs_are_claimed_and_published_again(self, store: JobStore, library: Library) -> None:
        _, job_id = admit(store)
        dead = claimed(store)
        store.publish(dead, description_of(new_file()))
        assert store.claim_unpublished("w2", lease_seconds=LEASE) == [], "its worker still has its lease"
        store.abandon_all("The daemon died.")
        ((claim, description),) = store.claim_unpublished("w2", lease_seconds=LEASE)
        assert (claim.job.id, claim.owner) == (job_id, "w2")
        assert description == description_of(new_file())
        assert store.claim_unpublished("w3", lease_seconds=LEASE) == []
        with pytest.raises(ClaimLostError):
            store.finish(dead)
        store.finish(claim)
        assert library.job(job_id).state is JobState.DONE

    def test_a_publisher_with_an_expired_lease_is_replaced(self, store: JobStore, clock: FakeClock) -> None:
        admit(store)
        claim = claimed(store)
        store.publish(claim, description_of(new_file()))
        clock.advance(LEASE)
        assert store.reap() == [], "it is described: it is never queued again"
        assert len(store.claim_unpublished("w2", lease_seconds=LEASE)) == 1

    def test_sidecars_that_cannot_be_written_are_claimed_later(
        self, store: JobStore, library: Library, clock: FakeClock
    ) -> None:
        _, job_id = admit(store)
        claim = claimed(store)
        store.publish(claim, description_of(new_file()))
        later = clock.now() + timedelta(seconds=30)
        store.postpone(claim, code="disk-full", reason="The disk is full.", not_before=later)
        job = library.job(job_id)
        assert (job.state, job.reason_code, job.not_before) == (JobState.PUBLISHING, "disk-full", later)
        assert store.claim_unpublished("w", lease_seconds=LEASE) == []
        with pytest.raises(ClaimLostError):
            store.finish(claim)
        clock.advance(30)
        ((again, _),) = store.claim_unpublished("w", lease_seconds=LEASE)
        store.finish(again)
        assert library.job(job_id).reason is None

    def test_a_clock_that_is_set_back_a_day_delays_nothing(self, store: JobStore, clock: FakeClock) -> None:
        later = clock.now() + timedelta(seconds=30)
        _, waiting = admit(store)
        store.retry_later(claimed(store), code="busy", reason="Not now.", cause=Cause.TRANSIENT, not_before=later)
        _, running = admit(store, new_file(b"/inbox/b.jpg", b"b"))
        claimed(store)
        clock.set_wall(clock.now() - timedelta(days=1))
        assert store.reap() == [running]
        assert {claimed(store).job.id, claimed(store).job.id} == {waiting, running}

    def test_no_wait_is_longer_than_an_hour(self, store: JobStore, library: Library, clock: FakeClock) -> None:
        _, job_id = admit(store)
        far = clock.now() + timedelta(days=1)
        store.retry_later(claimed(store), code="busy", reason="Not now.", cause=Cause.TRANSIENT, not_before=far)
        assert library.job(job_id).not_before == clock.now() + timedelta(hours=1)

    # Retry on request

    @pytest.mark.parametrize("end", ["fail", "skip"])
    def test_a_failed_or_skipped_job_starts_over(
        self, store: JobStore, library: Library, clock: FakeClock, end: str
    ) -> None:
        _, job_id = admit(store)
        if end == "fail":
            store.fail(claimed(store), code="damaged", reason="No picture.", cause=Cause.INPUT)
        else:
            store.skip(claimed(store), code="not-allowed", reason="A list.")
        clock.advance(1)
        job = store.requeue(job_id)
        assert job == library.job(job_id)
        assert (job.state, job.attempts, job.reason, job.finished_at) == (JobState.QUEUED, 0, None, None)
        assert (job.queued_at, job.fresh) == (clock.now(), False)
        assert claimed(store).job.id == job_id

    def test_a_done_job_is_retried_by_a_new_job(self, store: JobStore, library: Library) -> None:
        first = done(store)
        job = store.requeue(first)
        assert job.id != first
        assert (job.state, job.fresh, job.digest) == (JobState.QUEUED, True, new_file().digest)
        assert store.requeue(first) == job, "requeued twice, it waits once"
        claim = claimed(store)
        assert claim.job.fresh
        described = description_of(new_file(), answers={"caption": "Dunes."})
        store.publish(claim, described)
        store.finish(claim)
        assert store.answers.description(new_file().digest, KEY) == described
        assert library.description(first) == description_of(new_file()), "the earlier description stays"

    def test_a_retry_returns_a_live_job_unchanged(self, store: JobStore) -> None:
        _, job_id = admit(store)
        assert store.requeue(job_id).state is JobState.QUEUED
        claim = claimed(store)
        assert store.requeue(job_id) == claim.job

    def test_a_retry_means_the_paths_newest_job(self, store: JobStore) -> None:
        _, old = admit(store)
        store.fail(claimed(store), code="damaged", reason="No picture.", cause=Cause.INPUT)
        _, new = admit(store, new_file(content=b"mended"))
        store.fail(claimed(store), code="damaged", reason="No picture.", cause=Cause.INPUT)
        assert store.requeue(old).id == new

    def test_there_is_no_retry_without_a_job_or_file(self, store: JobStore) -> None:
        with pytest.raises(NotFoundError):
            store.requeue(7)
        _, job_id = admit(store)
        store.mark_gone(claimed(store), "It went away.")
        with pytest.raises(NotFoundError, match="went away"):
            store.requeue(job_id)

    def test_all_failed_jobs_start_over_if_they_are_the_newest(self, store: JobStore, library: Library) -> None:
        for name in (b"a", b"b", b"c"):
            admit(store, new_file(name, content=name))
            store.fail(claimed(store), code="damaged", reason="No picture.", cause=Cause.INPUT)
        done(store, new_file(b"c", content=b"mended"))
        admit(store, new_file(b"b", content=b"mended"))
        store.mark_gone(claimed(store), "It went away, and the old one came back.")
        assert store.requeue_failed() == 2
        assert store.requeue_failed() == 0
        assert library.counts()[JobState.QUEUED] == 2
        assert {claimed(store).job.path, claimed(store).job.path} == {b"a", b"b"}

    def test_done_jobs_are_published_again_without_being_claimed(self, store: JobStore, library: Library) -> None:
        job_id, changed = done(store), done(store, new_file(b"/inbox/c.jpg", b"c"))
        _, waiting = admit(store, new_file(b"/inbox/b.jpg", b"b"))
        admit(store, new_file(b"/inbox/c.jpg", b"other"))
        assert store.presence.republish([job_id, waiting, changed, 99], "They go home.") == 1
        job = library.job(job_id)
        assert (job.state, job.finished_at) == (JobState.PUBLISHING, None)
        assert library.events(job_id)[-1].note == "They go home."
        ((claim, description),) = store.claim_unpublished("w", lease_seconds=LEASE)
        assert (claim.job.id, description) == (job_id, library.description(job_id))
        assert store.presence.republish([job_id], "Again.") == 0

    # Counting

    def test_jobs_are_counted_by_state(self, store: JobStore, library: Library) -> None:
        assert unfinished(library) == 0
        done(store)
        for name in (b"a", b"b", b"c"):
            admit(store, new_file(name, content=name))
        claimed(store)
        store.publish(claimed(store), description_of(new_file(b"b", content=b"b")))
        assert unfinished(library) == 3


def unfinished(library: Library) -> int:
    counts = library.counts()
    return sum(counts[state] for state in JobState if not state.is_final())


def admit(store: JobStore, file: NewFile | None = None, *, max_attempts: int = 3) -> tuple[Admission, int]:
    return store.admit(file or new_file(), spec=SPEC, model=MODEL, max_attempts=max_attempts)


def claimed(store: JobStore, owner: str = "w") -> Claim:
    claim = store.claim(owner, lease_seconds=LEASE)
    assert claim is not None
    return claim


def done(store: JobStore, file: NewFile | None = None) -> int:
    """The id of a new done job."""
    file = file or new_file()
    admit(store, file)
    claim = claimed(store)
    store.publish(claim, description_of(file))
    store.finish(claim)
    return claim.job.id
