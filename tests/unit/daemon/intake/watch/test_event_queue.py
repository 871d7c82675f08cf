from __future__ import annotations

from watchdog.events import DirDeletedEvent, FileCreatedEvent, FileDeletedEvent, FileMovedEvent

from daemon.intake.watch.event_queue import MOST_PATHS, Heard, Left, Listener


def test_paths_are_heard_once_each_in_order() -> None:
    heard = Heard()
    for path in (b"/b", b"/a", b"/b"):
        heard.add(path)
    assert heard.take() == ([b"/b", b"/a"], False)
    assert heard.take() == ([], False)
    assert heard.is_empty


def test_too_many_paths_become_one_sweep() -> None:
    heard = Heard()
    for number in range(MOST_PATHS + 1):
        heard.add(b"/%d" % number)
    assert not heard.is_empty
    assert heard.take() == ([], True)


def test_both_ends_of_a_move_are_heard() -> None:
    heard = Heard()
    Listener(heard).on_any_event(FileMovedEvent("/in/old.jpg", "/in/b\udcff.jpg"))
    Listener(heard).on_any_event(FileCreatedEvent("/in/new.jpg"))
    assert heard.take()[0] == [b"/in/old.jpg", b"/in/b\xff.jpg", b"/in/new.jpg"]


def test_the_disk_s_spelling_of_the_root_becomes_ours_and_nothing_else_changes() -> None:
    heard = Heard()
    listener = Listener(heard, b"/in", b"/IN")
    listener.on_any_event(FileMovedEvent("/IN/IN/old.jpg", "/INBOX/new.jpg"))
    listener.on_any_event(FileCreatedEvent("/IN"))
    assert heard.take()[0] == [b"/in/IN/old.jpg", b"/INBOX/new.jpg", b"/in"]


def test_what_goes_away_from_a_path_is_told_with_where_it_went() -> None:
    heard = Heard()
    listener = Listener(heard)
    listener.on_any_event(FileMovedEvent("/in/old.jpg", "/in/new.jpg"))
    listener.on_any_event(FileDeletedEvent("/in/b\udcff.jpg"))
    listener.on_any_event(DirDeletedEvent("/in/trip"))
    listener.on_any_event(FileCreatedEvent("/in/c.jpg"))
    assert heard.take_left() == [
        Left(b"/in/old.jpg", b"/in/new.jpg", False),
        Left(b"/in/b\xff.jpg", None, False),
        Left(b"/in/trip", None, True),
    ]
    assert heard.take_left() == []


def test_too_many_that_went_away_become_one_sweep() -> None:
    heard = Heard()
    for number in range(MOST_PATHS + 1):
        heard.leave(Left(b"/%d" % number, None, False))
    assert heard.take_left() == []
    assert heard.take() == ([], True)


def test_it_rings_whenever_there_is_something_to_take() -> None:
    rings: list[int] = []
    heard = Heard(lambda: rings.append(1))
    heard.add(b"/a")
    heard.leave(Left(b"/a", None, False))
    heard.lose()
    assert len(rings) == 3
