from __future__ import annotations

from watchdog.events import FileCreatedEvent, FileMovedEvent

from daemon.intake.hearing import MOST_PATHS, Heard, Listener


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
