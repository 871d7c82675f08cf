"""The contract of a library on every database: it knows which descriptions are of which origin."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from storage.description import RecipeFacts
from storage.jobs.store import JobStore
from storage.library import Library
from storage.origin import MixedOrigin
from storage.records import JobSpec
from tests.fakes.clock import FakeClock
from tests.support.files import KEY, MODEL, MODEL_ID, SPEC, description_of, digest_of, new_file

ALT_TEXT = JobSpec(recipe="alt-text", recipe_digest="8899aabbccddeeff")


class TestOrigins:
    def test_weights_and_control_digest_are_read_back(self, store: JobStore, library: Library) -> None:
        job_id = describe(store, FakeClock(), "a", weights="w1", control="c1")
        found = library.description(job_id)
        assert found is not None
        assert (found.model.weights, found.model.control) == ("w1", "c1")
        assert library.newest_origin(MODEL_ID) == found.model.origin
        assert library.newest_origin("another") is None

    def test_one_origin_is_not_mixed_and_unknown_ones_do_not_count(
        self, store: JobStore, library: Library, clock: FakeClock
    ) -> None:
        assert library.mixed_origins() == []
        describe(store, clock, "a", weights=None, control=None)
        describe(store, clock, "b", weights="w1", control="c1")
        describe(store, clock, "c", weights="w1", control="c1")
        assert library.mixed_origins() == []

    def test_other_origins_than_the_newest_are_counted_until_their_files_are_described_again(
        self, store: JobStore, library: Library, clock: FakeClock
    ) -> None:
        describe(store, clock, "a", weights="w1", control="c1")
        describe(store, clock, "b", weights="w1", control="c1", dtype="bfloat16")
        describe(store, clock, "c", weights="w2", control="c2")
        describe(store, clock, "d", weights="v1", model="another")
        mixed = MixedOrigin(model=MODEL_ID, count=2, total=3, differences=("weights",), recipes=("default",))
        assert library.mixed_origins() == [mixed]
        describe(store, clock, "a", weights="w2", control="c2")
        assert library.mixed_origins() == [replace(mixed, count=1)]
        describe(store, clock, "b", weights="w2", control="c2")
        assert library.mixed_origins() == []

    def test_each_recipe_of_a_file_has_a_description_that_counts(
        self, store: JobStore, library: Library, clock: FakeClock
    ) -> None:
        describe(store, clock, "a", ALT_TEXT, weights="w1")
        describe(store, clock, "a", weights="w1")
        describe(store, clock, "a", weights="w2")
        (mixed,) = library.mixed_origins()
        assert (mixed.count, mixed.total, mixed.recipes) == (1, 2, ("alt-text",))

    def test_files_that_are_missing_do_not_count(self, store: JobStore, library: Library, clock: FakeClock) -> None:
        describe(store, clock, "a", weights="w1")
        describe(store, clock, "b", weights="w2")
        store.presence.mark_missing([b"/inbox/a"])
        assert library.mixed_origins() == []

    def test_a_copy_of_an_old_description_does_not_become_the_newest(
        self, store: JobStore, library: Library, clock: FakeClock
    ) -> None:
        describe(store, clock, "old", weights="w1")
        describe(store, clock, "new", weights="w2")
        describe(store, clock, "copy of old", weights="w1", age=timedelta(days=1))
        newest = library.newest_origin(MODEL_ID)
        assert newest is not None
        assert newest.weights == "w2"

    def test_changed_files_are_also_those_of_another_origin(
        self, store: JobStore, library: Library, clock: FakeClock
    ) -> None:
        describe(store, clock, "unknown", weights=None, control=None)
        describe(store, clock, "old", weights="w1", control="c1")
        describe(store, clock, "new", weights="w1", control="c2")
        assert [job.name for job in library.describable(SPEC, changed_for=KEY)] == ["old"]

    def test_no_file_is_admitted_again_because_of_its_origin(self, store: JobStore, clock: FakeClock) -> None:
        old = describe(store, clock, "old", weights="w1")
        describe(store, clock, "new", weights="w2")
        file = new_file(b"/inbox/old", b"old")
        assert store.admit(file, spec=SPEC, model=MODEL, max_attempts=3)[1] == old
        assert store.answers.described({digest_of(b"old")}, KEY) == {digest_of(b"old")}


def describe(  # noqa: PLR0913 - one parameter a field
    store: JobStore,
    clock: FakeClock,
    name: str,
    spec: JobSpec = SPEC,
    *,
    weights: str | None,
    control: str | None = None,
    dtype: str = "float32",
    model: str = MODEL_ID,
    age: timedelta = timedelta(0),
) -> int:
    clock.advance(1.0)
    file = new_file(b"/inbox/" + name.encode(), name.encode())
    known = store.admit(file, spec=spec, model="none@0", max_attempts=3)[1]
    claim = store.claim("w", lease_seconds=60.0)
    if claim is None:
        store.describe_again([known], spec)
        claim = store.claim("w", lease_seconds=60.0)
    assert claim is not None
    description = description_of(file, model_id=model, described_at=clock.now() - age)
    facts = replace(description.model, weights=weights, control=control, dtype=dtype)
    recipe = RecipeFacts(name=spec.recipe, version=1, digest=spec.recipe_digest)
    store.publish(claim, replace(description, model=facts, recipe=recipe))
    store.finish(claim)
    return claim.job.id
