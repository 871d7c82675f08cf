from __future__ import annotations

import pytest

from daemon.intake.refusals import MOST_NOTED, Refusals
from storage.errors import BusyError
from storage.jobs import JobStore
from storage.library import Library
from tests.fakes.clock import FakeClock


@pytest.fixture
def refusals(store: JobStore, library: Library, clock: FakeClock) -> Refusals:
    return Refusals(store, library, clock)


def test_the_last_word_on_a_path_is_written(refusals: Refusals, library: Library) -> None:
    refusals.note(b"/in/x", "being-written", "Waiting.")
    refusals.note(b"/in/x", "not-allowed", "No.")
    assert library.refusal(b"/in/x") is None
    refusals.write()
    found = library.refusal(b"/in/x")
    assert found is not None
    assert (found.code, found.reason) == ("not-allowed", "No.")


def test_what_was_said_before_is_not_written_again(refusals: Refusals, library: Library, clock: FakeClock) -> None:
    refusals.note(b"/in/x", "symlink", "A link.")
    refusals.write()
    first = library.refusal(b"/in/x")
    clock.advance(60)
    refusals.note(b"/in/x", "symlink", "A link.")
    refusals.write()
    assert library.refusal(b"/in/x") == first


def test_many_are_written_without_being_asked(refusals: Refusals, library: Library) -> None:
    for number in range(MOST_NOTED):
        refusals.note(b"/in/%d" % number, "symlink", "A link.")
    assert library.refusal(b"/in/0") is not None


def test_what_could_not_be_written_is_written_later(library: Library, store: JobStore, clock: FakeClock) -> None:
    class BusyStore(JobStore):
        def refuse_all(self, refusals) -> None:  # type: ignore[no-untyped-def]
            raise BusyError("held")

    refusals = Refusals(BusyStore(store._database, clock.now), library, clock)
    refusals.note(b"/in/x", "symlink", "A link.")
    with pytest.raises(BusyError):
        refusals.write()
    refusals._store = store
    refusals.write()
    assert library.refusal(b"/in/x") is not None
