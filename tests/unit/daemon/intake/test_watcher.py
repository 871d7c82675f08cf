from __future__ import annotations

import errno
import logging
from pathlib import Path

from watchdog.events import FileCreatedEvent, FileMovedEvent
from watchdog.observers.polling import PollingObserver

from daemon.intake.watcher import MOST_PATHS, OVERFLOW_LOGGER, Heard, Listener, Watcher


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


def test_a_lost_event_that_only_the_log_tells_of_asks_for_a_sweep(tmp_path: Path) -> None:
    heard = Heard()
    watching = Watcher(bytes(tmp_path), heard)
    watching.start()
    try:
        logging.getLogger(OVERFLOW_LOGGER).warning("Inotify queue overflowed; filesystem events were lost")
        assert heard.take()[1]
        logging.getLogger(OVERFLOW_LOGGER).warning("something else")
        assert not heard.take()[1]
    finally:
        watching.stop()
    logging.getLogger(OVERFLOW_LOGGER).warning("overflow")
    assert not heard.take()[1]


def test_without_watches_left_the_inbox_is_polled_and_the_limit_is_named(tmp_path: Path) -> None:
    class FullObserver(PollingObserver):
        def start(self) -> None:
            raise OSError(errno.ENOSPC, "inotify watch limit reached")

    watching = Watcher(bytes(tmp_path), Heard(), FullObserver)
    watching.start()
    try:
        assert watching.kind == "PollingObserver"
        assert "max_user_watches" in watching.advice
        assert watching.illness() is None
    finally:
        watching.stop()
