from __future__ import annotations

import pytest

from config.inboxes import InboxSettings
from daemon.intake.filters import Filters
from daemon.intake.held_names import MAX_FOLDERS, HeldNames
from daemon.intake.watch.event_queue import NameFreed

A, B, BELOW = b"/in/a.jpg", b"/in/b.jpg", b"/in/trip/c.jpg"


@pytest.fixture
def names() -> HeldNames:
    names = HeldNames(b"/in", Filters(InboxSettings(ignore=("*~", "*_original"))))
    for path in (A, B, BELOW):
        names.hold(path)
    return names


def held(names: HeldNames) -> list[bytes]:
    return [path for path in (A, B, BELOW) if path in names]


def test_a_name_is_held_until_something_goes_away_from_it(names: HeldNames) -> None:
    names.free_all([NameFreed(A, None, False)])
    assert (held(names), names.freed) == ([B, BELOW], {A})
    names.hold(A)
    names.free_all([NameFreed(A, b"/in/trip/a.jpg", False)])
    assert held(names) == [B, BELOW]


@pytest.mark.parametrize("kept", [b"/in/a.jpg~", b"/in/a.jpg_original"])
def test_a_program_that_keeps_the_old_version_beside_the_new_one_does_not_free_the_name(
    names: HeldNames, kept: bytes
) -> None:
    names.free_all([NameFreed(A, kept, False)])
    assert (held(names), names.freed) == ([A, B, BELOW], set())


@pytest.mark.parametrize("to", [b"/in/other.jpg", b"/in/trip/a.jpg~", b"/in/a.jpg.md"])
def test_any_other_move_frees_the_name(names: HeldNames, to: bytes) -> None:
    names.free_all([NameFreed(A, to, False)])
    assert held(names) == [B, BELOW]


def test_a_folder_that_disappears_frees_the_names_in_it(names: HeldNames) -> None:
    names.free_all([NameFreed(b"/in/trip", None, True)])
    assert (held(names), names.freed) == ([A, B], {b"/in/trip"})


def test_when_many_folders_disappear_no_name_counts_as_held(names: HeldNames) -> None:
    names.free_all([NameFreed(b"/in/%d" % number, None, True) for number in range(MAX_FOLDERS + 1)])
    assert held(names) == []


def test_after_lost_events_no_name_counts_as_held(names: HeldNames) -> None:
    names.clear()
    assert held(names) == []


def test_names_of_our_own_files_are_not_recorded_as_freed(names: HeldNames) -> None:
    names.free_all(
        [NameFreed(b"/in/.sw-0011223344556677.tmp", b"/in/a.jpg.md", False), NameFreed(b"/in/a.jpg.md", None, False)]
    )
    assert (held(names), names.freed) == ([A, B, BELOW], set())
