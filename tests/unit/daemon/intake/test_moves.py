from __future__ import annotations

import os
from pathlib import Path

import pytest

from daemon.intake.moves import Moved, Moves, is_twin
from storage.jobs.store import JobStore
from storage.library import Library
from storage.lifecycle import JobState
from storage.sidecars import writer
from tests.support.files import MODEL, SPEC, description_of
from tests.unit.daemon.conftest import drop, settled


@pytest.fixture
def moves(store: JobStore, library: Library) -> Moves:
    return Moves(store, library)


def queue(store: JobStore, path: bytes) -> int:
    return store.admit(settled(path), spec=SPEC, model=MODEL, max_attempts=3)[1]


def describe(store: JobStore, path: bytes) -> int:
    job = queue(store, path)
    claim = store.claim("w", lease_seconds=60)
    assert claim is not None
    store.publish(claim, description_of(settled(path)))
    writer.write(description_of(settled(path)))
    store.finish(claim)
    return job


def test_a_waiting_job_moves_too(moves: Moves, store: JobStore, library: Library, inbox: Path) -> None:
    old, new = drop(inbox, "old.png"), os.fsencode(inbox / "new.png")
    job = queue(store, old)
    (inbox / "old.png").rename(inbox / "new.png")
    assert moves.follow([settled(new)]) == Moved(followed={new})
    assert library.job(job).path == new


def test_a_described_file_takes_its_untouched_sidecars_from_the_old_place(
    moves: Moves, store: JobStore, library: Library, inbox: Path
) -> None:
    old, new = drop(inbox, "old.png"), os.fsencode(inbox / "new.png")
    job = describe(store, old)
    (inbox / "old.png").rename(inbox / "new.png")
    moves.follow([settled(new)])
    assert library.job(job).state is JobState.PUBLISHING
    assert [file.name for file in inbox.iterdir()] == ["new.png"]


def test_a_hard_link_is_no_move(moves: Moves, store: JobStore, inbox: Path) -> None:
    old, new = drop(inbox, "old.png"), os.fsencode(inbox / "new.png")
    queue(store, old)
    os.link(old, new)
    assert moves.follow([settled(new)]) == Moved()


def test_another_file_that_took_over_inode_size_and_time_is_no_move(moves: Moves, store: JobStore, inbox: Path) -> None:
    old, new = drop(inbox, "old.png"), os.fsencode(inbox / "new.png")
    queue(store, old)
    stat = os.lstat(old)
    (inbox / "old.png").rename(inbox / "new.png")
    with open(new, "r+b") as file:  # noqa: PTH123 - a path of bytes
        file.seek(-4, os.SEEK_END)
        file.write(b"diff")
    os.utime(new, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert moves.follow([settled(new)]) == Moved()


def test_a_file_with_a_job_of_its_own_takes_no_other(moves: Moves, store: JobStore, inbox: Path) -> None:
    old, new = drop(inbox, "old.png"), os.fsencode(inbox / "new.png")
    os.link(old, new)
    queue(store, new)
    queue(store, old)
    os.unlink(old)
    assert moves.follow([settled(new)]) == Moved()


def test_of_two_new_links_one_takes_the_job(moves: Moves, store: JobStore, inbox: Path) -> None:
    old = drop(inbox, "old.png")
    queue(store, old)
    links = [os.fsencode(inbox / name) for name in ("a.png", "b.png")]
    for link in links:
        os.link(old, link)
    os.unlink(old)
    assert len(moves.follow([settled(link) for link in links]).followed) == 1


@pytest.mark.parametrize(
    ("one", "other", "twins"),
    [
        (b"/in/a.jpg", b"/in/A.JPG", True),
        (b"/in/\xc3\xa9.jpg", b"/in/e\xcc\x81.jpg", True),
        (b"/in/a.jpg", b"/in/a.jpg", False),
        (b"/in/a.jpg", b"/in/b.jpg", False),
        (b"/in/\xff.jpg", b"/in/\xfe.jpg", False),
    ],
)
def test_twins_differ_in_case_or_accents_alone(one: bytes, other: bytes, twins: bool) -> None:
    assert is_twin(one, other) is twins
