from __future__ import annotations

import pytest
from loguru import logger

from daemon.intake.refusals import MAX_NOTED, Refusals
from storage.db.database import Database
from storage.errors import BusyError
from storage.jobs.store import JobStore
from storage.library import Library
from tests.fakes.clock import FakeClock


@pytest.fixture
def refusals(store: JobStore, library: Library, clock: FakeClock) -> Refusals:
    return Refusals(store, library, clock)


def test_the_latest_refusal_of_a_path_is_stored(refusals: Refusals, library: Library) -> None:
    refusals.note(b"/in/x", "being-written", "Waiting.")
    refusals.note(b"/in/x", "not-allowed", "No.")
    assert library.refusal(b"/in/x") is None
    refusals.write()
    found = library.refusal(b"/in/x")
    assert found is not None
    assert (found.code, found.reason) == ("not-allowed", "No.")


def test_an_unchanged_refusal_is_not_stored_again(refusals: Refusals, library: Library, clock: FakeClock) -> None:
    refusals.note(b"/in/x", "symlink", "A link.")
    refusals.write()
    first = library.refusal(b"/in/x")
    clock.advance(60)
    refusals.note(b"/in/x", "symlink", "A link.")
    refusals.write()
    assert library.refusal(b"/in/x") == first


def test_a_full_batch_is_stored_without_a_call_of_write(refusals: Refusals, library: Library) -> None:
    for number in range(MAX_NOTED):
        refusals.note(b"/in/%d" % number, "symlink", "A link.")
    assert library.refusal(b"/in/0") is not None


def test_what_could_not_be_stored_is_stored_later(
    library: Library, store: JobStore, database: Database, clock: FakeClock
) -> None:
    class BusyStore(JobStore):
        def refuse_all(self, refusals) -> None:  # type: ignore[no-untyped-def]
            raise BusyError("held")

    refusals = Refusals(BusyStore(database, clock.now), library, clock)
    refusals.note(b"/in/x", "symlink", "A link.")
    with pytest.raises(BusyError):
        refusals.write()
    refusals._store = store
    refusals.write()
    assert library.refusal(b"/in/x") is not None


def test_the_refusal_of_a_deleted_file_is_forgotten(refusals: Refusals, library: Library) -> None:
    refusals.note(b"/in/x", "symlink", "A link.")
    refusals.write()
    refusals.note(b"/in/y", "symlink", "A link.")
    for path in (b"/in/x", b"/in/y", b"/in/never-seen"):
        refusals.forget(path)
    refusals.note(b"/in/z", "symlink", "A link.")
    refusals.forget(b"/in/z")
    refusals.note(b"/in/z", "symlink", "It came back.")
    refusals.write()
    assert library.refused_paths() == [b"/in/z"]


def test_a_sweep_forgets_refusals_of_paths_that_no_longer_exist(refusals: Refusals, library: Library) -> None:
    paths = [b"/in/%d" % number for number in range(MAX_NOTED + 20)]
    for path in paths:
        refusals.note(path, "not-allowed", "", kind="mp3")
    refusals.write()
    refusals.prune({paths[0], paths[-1]})
    assert sorted(library.refused_paths()) == sorted({paths[0], paths[-1]})


def test_many_files_with_one_reason_are_one_line_of_the_log(refusals: Refusals) -> None:
    lines: list[str] = []
    sink = logger.add(lines.append, format="{message}")
    for number in range(3):
        refusals.note(b"/in/%d" % number, "not-allowed", "", kind="mp3")
    refusals.note(b"/in/x", "symlink", "A link.")
    refusals.write()
    logger.remove(sink)
    assert [line.strip() for line in lines] == [
        "Not taken: /in/0 and 2 more: It is a song (MP3), which smolwatch does not open.",
        "Not taken: /in/x: A link.",
    ]
