"""The contract of a job store on every database: one file can have jobs of several recipes."""

from __future__ import annotations

from dataclasses import replace

from storage.description import Description, RecipeFacts
from storage.jobs.store import JobStore
from storage.library import Library
from storage.lifecycle import JobState
from storage.records import Admission, Claim, JobSpec, JobTask, NewFile
from tests.support.files import KEY, MODEL, SPEC, description_of, new_file

LEASE = 60.0
HERE, THERE = b"/inbox/a.jpg", b"/inbox/b.jpg"
ALT_TEXT = JobSpec(recipe="alt-text", recipe_digest="8899aabbccddeeff")
QUESTION = JobSpec(recipe="ask-1", recipe_digest="1111111111111111", task=JobTask.ASK)
BOTH = (SPEC, ALT_TEXT)


class TestRecipesOfAFile:
    def test_a_job_carries_what_it_asks(self, store: JobStore, library: Library) -> None:
        spec = JobSpec(recipe="document", recipe_digest="d", task=JobTask.ASK, inbox="scans", priority=-5)
        assert library.job(admit(store, spec)).spec == spec

    def test_a_second_recipe_is_queued_beside_the_first_and_a_question_beside_both(self, store: JobStore) -> None:
        ids = {admit(store, spec) for spec in (*BOTH, QUESTION)}
        assert len(ids) == 3
        assert {admit(store, spec) for spec in (*BOTH, QUESTION)} == ids

    def test_both_are_described_at_once_and_neither_replaces_the_other(self, store: JobStore, library: Library) -> None:
        first, second = (admit(store, spec) for spec in BOTH)
        claims = store.claim_all("w", lease_seconds=LEASE, most=8)
        assert [claim.job.id for claim in claims] == [first, second]
        for claim in claims:
            describe(store, claim)
        for job_id, spec in ((first, SPEC), (second, ALT_TEXT)):
            description = library.description(job_id)
            assert description is not None
            assert description.recipe.name == spec.recipe
        assert [library.job(id).state for id in (first, second)] == [JobState.DONE, JobState.DONE]

    def test_a_described_recipe_is_not_asked_again_and_another_one_is(self, store: JobStore) -> None:
        first = described(store, SPEC)
        assert store.admit(new_file(HERE), spec=SPEC, model=MODEL, max_attempts=3) == (
            Admission.ALREADY_DESCRIBED,
            first,
        )
        assert store.admit(new_file(HERE), spec=ALT_TEXT, model=MODEL, max_attempts=3)[0] is Admission.QUEUED

    def test_a_description_is_reused_for_the_same_bytes_and_recipe_alone(self, store: JobStore) -> None:
        described(store, SPEC)
        digest = new_file().digest
        assert store.answers.description(digest, KEY) is not None
        assert store.answers.description(digest, replace(KEY, recipe=ALT_TEXT.recipe_digest)) is None

    def test_when_the_content_changes_every_recipe_is_asked_about_the_new_one(
        self, store: JobStore, library: Library
    ) -> None:
        for spec in BOTH:
            described(store, spec)
        new = new_file(HERE, b"storm")
        admit(store, SPEC, new)
        queued = library.jobs(state=JobState.QUEUED)
        assert {(job.spec.recipe, job.digest) for job in queued} == {(spec.recipe, new.digest) for spec in BOTH}

    def test_another_file_under_the_name_is_described_by_its_own_recipe_alone(
        self, store: JobStore, library: Library
    ) -> None:
        for spec in BOTH:
            described(store, spec)
        admit(store, SPEC, replace(new_file(HERE, b"storm"), name_was_free=True))
        assert [job.spec for job in library.jobs(state=JobState.QUEUED)] == [SPEC]

    def test_waiting_jobs_of_every_recipe_get_the_new_bytes(self, store: JobStore, library: Library) -> None:
        for spec in BOTH:
            admit(store, spec)
        new = new_file(HERE, b"storm")
        admit(store, ALT_TEXT, new)
        assert {job.digest for job in library.jobs(state=JobState.QUEUED)} == {new.digest}

    def test_both_follow_their_file_and_are_published_there(self, store: JobStore, library: Library) -> None:
        ids = [described(store, spec) for spec in BOTH]
        for job in library.jobs_of([new_file(HERE).fingerprint]):
            assert store.relocate(job, THERE)
        assert {(library.job(id).path, library.job(id).state) for id in ids} == {(THERE, JobState.PUBLISHING)}
        assert {claim.job.id for claim, _ in store.claim_unpublished("w", lease_seconds=LEASE)} == set(ids)

    def test_missing_sidecars_are_restored_for_the_newest_of_each_recipe(
        self, store: JobStore, library: Library
    ) -> None:
        older = described(store, SPEC)
        newer = again(store, older)
        other = described(store, ALT_TEXT)
        current = [job.id for job in library.current_jobs_at([HERE])]
        assert current == [newer, other]
        assert store.presence.republish([older, *current]) == 2

    def test_a_retry_is_of_the_same_recipe(self, store: JobStore, library: Library) -> None:
        first = described(store, SPEC)
        described(store, ALT_TEXT)
        job = store.requeue(first)
        assert (job.spec, job.state, job.fresh) == (SPEC, JobState.QUEUED, True)

    def test_the_same_bytes_elsewhere_wait_for_their_own_recipe_alone(self, store: JobStore) -> None:
        admit(store, SPEC)
        running = store.claim_all("w", lease_seconds=LEASE, most=8)
        assert len(running) == 1
        admit(store, SPEC, new_file(THERE))
        admit(store, ALT_TEXT, new_file(THERE))
        assert [claim.job.spec for claim in store.claim_all("w", lease_seconds=LEASE, most=8)] == [ALT_TEXT]

    def test_a_lower_priority_value_is_claimed_first_however_late_it_came(self, store: JobStore) -> None:
        for number, priority in enumerate((0, 5, -1)):
            admit(store, replace(SPEC, priority=priority), new_file(b"/inbox/%d" % number, b"%d" % number))
        claims = store.claim_all("w", lease_seconds=LEASE, most=8)
        assert [claim.job.spec.priority for claim in claims] == [-1, 0, 5]

    def test_waiting_jobs_follow_the_settings_but_not_those_of_a_person(
        self, store: JobStore, library: Library
    ) -> None:
        requested = again(store, described(store, SPEC), finish=False)
        waiting = admit(store, SPEC, new_file(b"/inbox/w", b"w"))
        elsewhere = admit(store, replace(SPEC, inbox="scans"), new_file(b"/scans/a", b"s"))
        asked_already = admit(store, SPEC, new_file(b"/inbox/x", b"x"))
        admit(store, ALT_TEXT, new_file(b"/inbox/x", b"x"))
        assert store.follow_recipes(lambda path: ALT_TEXT if path.startswith(b"/inbox/") else None) == 1
        recipes = {id: library.job(id).spec.recipe for id in (waiting, requested, elsewhere, asked_already)}
        assert recipes == {
            waiting: "alt-text",
            requested: "default",
            elsewhere: "default",
            asked_already: "default",
        }

    def test_a_late_publication_knows_that_another_recipe_has_described_the_changed_file(self, store: JobStore) -> None:
        """Its sidecars are written last, and must not take the other's for those of another file."""
        late = admit(store, ALT_TEXT)
        claim = store.claim("w", lease_seconds=LEASE)
        assert claim is not None
        store.publish(claim, description(new_file(HERE), ALT_TEXT))
        new = new_file(HERE, b"storm")
        admit(store, SPEC, new)
        second = store.claim("w", lease_seconds=LEASE)
        assert second is not None
        describe(store, second)
        assert store.presence.changed_from(late) == {new.digest}

    def test_descriptions_of_several_recipes_are_imported_for_one_file(self, store: JobStore, library: Library) -> None:
        file = new_file(HERE)
        both = [(file, description(file, spec)) for spec in BOTH]
        assert store.presence.import_described(both, max_attempts=3) == {HERE}
        assert [job.spec.recipe for job in library.current_jobs_at([HERE])] == ["default", "alt-text"]
        assert store.presence.import_described(both, max_attempts=3) == set()


def admit(store: JobStore, spec: JobSpec, file: NewFile | None = None) -> int:
    return store.admit(file or new_file(HERE), spec=spec, model=MODEL, max_attempts=3)[1]


def description(file: NewFile, spec: JobSpec) -> Description:
    facts = RecipeFacts(name=spec.recipe, version=1, digest=spec.recipe_digest)
    return replace(description_of(file), recipe=facts)


def describe(store: JobStore, claim: Claim) -> None:
    job = claim.job
    file = NewFile(path=job.path, fingerprint=job.fingerprint, digest=job.digest, kind=job.kind, format=job.format)
    store.publish(claim, description(file, job.spec))
    store.finish(claim)


def described(store: JobStore, spec: JobSpec) -> int:
    admit(store, spec)
    claim = store.claim("w", lease_seconds=LEASE)
    assert claim is not None
    describe(store, claim)
    return claim.job.id


def again(store: JobStore, job_id: int, *, finish: bool = True) -> int:
    """The id of a new job that a person has requested; described, unless it is not to be finished."""
    new = store.requeue(job_id).id
    if finish:
        claim = store.claim("w", lease_seconds=LEASE)
        assert claim is not None
        describe(store, claim)
    return new
