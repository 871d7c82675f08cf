from __future__ import annotations

import errno
from pathlib import Path

import pytest
from watchdog.observers.polling import PollingObserver

from daemon.intake.watch.event_queue import WatchEvents
from daemon.intake.watch.watcher import Choice, Watcher


class FullObserver(PollingObserver):
    """The system allows no more watches."""

    def start(self) -> None:
        raise OSError(errno.ENOSPC, "inotify watch limit reached")


def test_without_watches_left_the_inbox_is_polled_and_the_limit_is_named(tmp_path: Path) -> None:
    watching = Watcher(bytes(tmp_path), WatchEvents(), observe=FullObserver)
    watching.start()
    assert (watching.kind, watching.polls) == ("poll", True)
    assert "max_user_watches" in watching.advice
    assert watching.defect() is None


def test_any_other_failure_to_watch_is_raised(tmp_path: Path) -> None:
    class BrokenObserver(PollingObserver):
        def start(self) -> None:
            raise OSError(errno.EINVAL, "no")

    with pytest.raises(OSError, match="no"):
        Watcher(bytes(tmp_path), WatchEvents(), observe=BrokenObserver).start()


@pytest.mark.parametrize(
    ("choice", "network", "polls"),
    [("auto", None, False), ("auto", "nfs4", True), ("native", "nfs4", False), ("poll", None, True)],
)
def test_a_network_volume_is_polled_unless_chosen_otherwise(
    tmp_path: Path, choice: Choice, network: str | None, polls: bool
) -> None:
    watching = Watcher(
        bytes(tmp_path),
        WatchEvents(),
        choice,
        observe=lambda: PollingObserver(timeout=60),
        network_kind=lambda path: network,
    )
    watching.start()
    try:
        assert watching.polls is polls
        assert bool(watching.advice) is polls
    finally:
        watching.stop()
