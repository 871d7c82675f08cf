from __future__ import annotations

from watchdog.events import DirDeletedEvent, FileCreatedEvent, FileDeletedEvent, FileMovedEvent

from daemon.intake.watch.event_queue import MAX_PATHS, EventQueue, NameFreed, WatchEvents


def test_paths_are_queued_once_each_in_order() -> None:
    events = WatchEvents()
    for path in (b"/b", b"/a", b"/b"):
        events.add(path)
    assert events.take() == ([b"/b", b"/a"], False)
    assert events.take() == ([], False)
    assert events.is_empty


def test_too_many_paths_become_one_sweep() -> None:
    events = WatchEvents()
    for number in range(MAX_PATHS + 1):
        events.add(b"/%d" % number)
    assert not events.is_empty
    assert events.take() == ([], True)


def test_both_paths_of_a_move_are_queued() -> None:
    events = WatchEvents()
    EventQueue(events).on_any_event(FileMovedEvent("/in/old.jpg", "/in/b\udcff.jpg"))
    EventQueue(events).on_any_event(FileCreatedEvent("/in/new.jpg"))
    assert events.take()[0] == [b"/in/old.jpg", b"/in/b\xff.jpg", b"/in/new.jpg"]


def test_the_disk_s_spelling_of_the_root_becomes_ours_and_nothing_else_changes() -> None:
    events = WatchEvents()
    queue = EventQueue(events, b"/in", b"/IN")
    queue.on_any_event(FileMovedEvent("/IN/IN/old.jpg", "/INBOX/new.jpg"))
    queue.on_any_event(FileCreatedEvent("/IN"))
    assert events.take()[0] == [b"/in/IN/old.jpg", b"/INBOX/new.jpg", b"/in"]


def test_a_freed_name_is_reported_with_the_new_path() -> None:
    events = WatchEvents()
    queue = EventQueue(events)
    queue.on_any_event(FileMovedEvent("/in/old.jpg", "/in/new.jpg"))
    queue.on_any_event(FileDeletedEvent("/in/b\udcff.jpg"))
    queue.on_any_event(DirDeletedEvent("/in/trip"))
    queue.on_any_event(FileCreatedEvent("/in/c.jpg"))
    assert events.take_freed() == [
        NameFreed(b"/in/old.jpg", b"/in/new.jpg", False),
        NameFreed(b"/in/b\xff.jpg", None, False),
        NameFreed(b"/in/trip", None, True),
    ]
    assert events.take_freed() == []


def test_too_many_freed_names_become_one_sweep() -> None:
    events = WatchEvents()
    for number in range(MAX_PATHS + 1):
        events.add_freed(NameFreed(b"/%d" % number, None, False))
    assert events.take_freed() == []
    assert events.take() == ([], True)


def test_it_wakes_whenever_there_is_something_to_take() -> None:
    rings: list[int] = []
    events = WatchEvents(lambda: rings.append(1))
    events.add(b"/a")
    events.add_freed(NameFreed(b"/a", None, False))
    events.mark_lost()
    assert len(rings) == 3
