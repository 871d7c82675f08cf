from __future__ import annotations

from watchdog.events import DirDeletedEvent, FileCreatedEvent, FileDeletedEvent, FileMovedEvent

from daemon.intake.watch.event_queue import MAX_PATHS, EventQueue, NameFreed, WatchEvents


def test_paths_are_queued_once_each_in_order() -> None:
    heard = WatchEvents()
    for path in (b"/b", b"/a", b"/b"):
        heard.add(path)
    assert heard.take() == ([b"/b", b"/a"], False)
    assert heard.take() == ([], False)
    assert heard.is_empty


def test_too_many_paths_become_one_sweep() -> None:
    heard = WatchEvents()
    for number in range(MAX_PATHS + 1):
        heard.add(b"/%d" % number)
    assert not heard.is_empty
    assert heard.take() == ([], True)


def test_both_paths_of_a_move_are_queued() -> None:
    heard = WatchEvents()
    EventQueue(heard).on_any_event(FileMovedEvent("/in/old.jpg", "/in/b\udcff.jpg"))
    EventQueue(heard).on_any_event(FileCreatedEvent("/in/new.jpg"))
    assert heard.take()[0] == [b"/in/old.jpg", b"/in/b\xff.jpg", b"/in/new.jpg"]


def test_the_disk_s_spelling_of_the_root_becomes_ours_and_nothing_else_changes() -> None:
    heard = WatchEvents()
    listener = EventQueue(heard, b"/in", b"/IN")
    listener.on_any_event(FileMovedEvent("/IN/IN/old.jpg", "/INBOX/new.jpg"))
    listener.on_any_event(FileCreatedEvent("/IN"))
    assert heard.take()[0] == [b"/in/IN/old.jpg", b"/INBOX/new.jpg", b"/in"]


def test_a_freed_name_is_reported_with_the_new_path() -> None:
    heard = WatchEvents()
    listener = EventQueue(heard)
    listener.on_any_event(FileMovedEvent("/in/old.jpg", "/in/new.jpg"))
    listener.on_any_event(FileDeletedEvent("/in/b\udcff.jpg"))
    listener.on_any_event(DirDeletedEvent("/in/trip"))
    listener.on_any_event(FileCreatedEvent("/in/c.jpg"))
    assert heard.take_freed() == [
        NameFreed(b"/in/old.jpg", b"/in/new.jpg", False),
        NameFreed(b"/in/b\xff.jpg", None, False),
        NameFreed(b"/in/trip", None, True),
    ]
    assert heard.take_freed() == []


def test_too_many_freed_names_become_one_sweep() -> None:
    heard = WatchEvents()
    for number in range(MAX_PATHS + 1):
        heard.add_freed(NameFreed(b"/%d" % number, None, False))
    assert heard.take_freed() == []
    assert heard.take() == ([], True)


def test_it_wakes_whenever_there_is_something_to_take() -> None:
    rings: list[int] = []
    heard = WatchEvents(lambda: rings.append(1))
    heard.add(b"/a")
    heard.add_freed(NameFreed(b"/a", None, False))
    heard.mark_lost()
    assert len(rings) == 3
