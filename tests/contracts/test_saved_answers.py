"""The contract of a job store on every database: answers to a person's own questions are kept with a file's bytes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from config.errors import NotFoundError
from storage.description import SavedAnswer
from storage.jobs.store import JobStore
from storage.library import Library
from storage.lifecycle import JobState
from storage.records import Claim
from tests.fakes.clock import START
from tests.support.files import MODEL, SPEC, description_of, digest_of, new_file

COUNT = SavedAnswer(question="How many?", answer="Three.", asked_at=START, model="demo", revision="1")
COLOUR = replace(COUNT, question="Which colour?", answer="Red.", options={"system": "Be brief.", "faults": ["loop"]})


class TestSavedAnswers:
    def test_it_is_read_back_with_the_description_and_its_sidecars_are_written_again(
        self, store: JobStore, library: Library
    ) -> None:
        job = describe(store, b"/inbox/a").job
        store.saved.save(job.id, COUNT)
        store.saved.save(job.id, COLOUR)
        ((claim, description),) = store.claim_unpublished("w", lease_seconds=60.0)
        assert claim.job.id == job.id
        assert description.asked == (COUNT, COLOUR)
        assert library.description(job.id) == description
        store.finish(claim)
        assert library.job(job.id).attempts == 1

    def test_the_same_question_has_the_last_answer_alone(self, store: JobStore, library: Library) -> None:
        job = describe(store, b"/inbox/a").job
        for answer in ("Two.", "Three."):
            store.saved.save(job.id, replace(COUNT, answer=answer))
        found = library.description(job.id)
        assert found is not None
        assert found.asked == (COUNT,)

    def test_it_belongs_to_the_bytes_wherever_they_are(self, store: JobStore, library: Library) -> None:
        job = describe(store, b"/inbox/a").job
        copy = describe(store, b"/inbox/copy").job
        other = describe(store, b"/inbox/other", b"other bytes").job
        store.saved.save(job.id, COUNT)
        asked = [found.asked for each in (job, copy, other) if (found := library.description(each.id))]
        assert asked == [(COUNT,), (COUNT,), ()]
        assert {library.job(each.id).state for each in (job, copy)} == {JobState.PUBLISHING}
        assert library.job(other.id).state is JobState.DONE
        assert store.saved.of([digest_of(b"waves"), digest_of(b"other bytes")]) == {digest_of(b"waves"): (COUNT,)}

    def test_it_stays_when_the_file_is_described_again(self, store: JobStore, library: Library) -> None:
        job = describe(store, b"/inbox/a").job
        store.saved.save(job.id, COUNT)
        ((claim, _),) = store.claim_unpublished("w", lease_seconds=60.0)
        store.finish(claim)
        store.describe_again([job.id], SPEC)
        again = publish(store, b"/inbox/a", b"waves").job
        found = library.description(again.id)
        assert found is not None
        assert again.id != job.id
        assert found.asked == (COUNT,)

    def test_sidecars_that_are_being_written_are_written_again(self, store: JobStore, library: Library) -> None:
        store.admit(new_file(b"/inbox/a"), spec=SPEC, model=MODEL, max_attempts=3)
        claim = publish(store, b"/inbox/a", b"waves")
        store.saved.save(claim.job.id, COUNT)
        assert store.finish_all([(claim, "")]) == set(), "they may lack the answer"
        ((again, description),) = store.claim_unpublished("w", lease_seconds=60.0)
        assert description.asked == (COUNT,)
        store.finish(again)
        assert library.job(claim.job.id).state is JobState.DONE

    def test_a_job_that_does_not_exist_is_named(self, store: JobStore) -> None:
        with pytest.raises(NotFoundError, match="no job 7"):
            store.saved.save(7, COUNT)

    def test_a_lost_database_gets_it_back_from_the_sidecar(self, store: JobStore, library: Library) -> None:
        file = new_file(b"/inbox/a")
        description = replace(description_of(file), asked=(COUNT, COLOUR))
        store.presence.import_described([(file, description)], max_attempts=3)
        job = library.job_at(file.path)
        assert job is not None
        assert library.description(job.id) == description


def describe(store: JobStore, path: bytes, content: bytes = b"waves") -> Claim:
    store.admit(new_file(path, content), spec=SPEC, model=MODEL, max_attempts=3)
    claim = publish(store, path, content)
    store.finish(claim)
    return claim


def publish(store: JobStore, path: bytes, content: bytes) -> Claim:
    claim = store.claim("w", lease_seconds=60.0)
    assert claim is not None
    store.publish(claim, description_of(new_file(path, content)))
    return claim
