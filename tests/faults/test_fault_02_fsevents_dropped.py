"""Fault 02: macOS says that it dropped events. Fake: a stream in the place of the system's, under the real emitter."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from daemon.intake.watch.event_queue import WatchEvents
from daemon.intake.watch.watcher import Watcher
from tests.fakes import fsevents
from tests.support.intake_home import PNG, IntakeHome
from tests.support.waiting import wait_for

MakeWatcher = Callable[..., Watcher]


@pytest.fixture
def mac_watcher(monkeypatch: pytest.MonkeyPatch) -> MakeWatcher:
    monkeypatch.setitem(sys.modules, "_watchdog_fsevents", fsevents.native_module())
    for name in ("watchdog.observers.fsevents", "daemon.intake.watch.fsevents"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    from daemon.intake.watch.fsevents import LossTellingObserver

    def make(root: bytes, events: WatchEvents, **more: Any) -> Watcher:
        return Watcher(root, events, observe=lambda: LossTellingObserver(events.mark_lost), **more)

    return make


@pytest.mark.parametrize("flag", ["must_scan_subdirs", "is_user_dropped", "is_kernel_dropped"])
def test_a_lost_event_has_the_inbox_listed_anew(intake_home: IntakeHome, mac_watcher: MakeWatcher, flag: str) -> None:
    intake = intake_home.run(intake_home.make(watcher=mac_watcher))
    wait_for(lambda: intake.is_idle)
    (intake_home.inbox / "missed.png").write_bytes(PNG)
    (intake_home.inbox / "received.png").write_bytes(PNG + b"2")
    root = os.fsdecode(intake_home.root)
    fsevents.Stream.made.announce(f"{root}/received.png", "is_created", "is_file")
    wait_for(lambda: intake_home.queued() == {"received.png"})
    fsevents.Stream.made.announce(root, flag)
    wait_for(lambda: intake_home.queued() == {"received.png", "missed.png"}, 5)


def test_a_root_that_moved_has_the_watch_replaced_and_the_inbox_listed_anew(
    intake_home: IntakeHome, mac_watcher: MakeWatcher
) -> None:
    intake = intake_home.run(intake_home.make(watcher=mac_watcher))
    wait_for(lambda: intake.is_idle)
    before = fsevents.Stream.made
    (intake_home.inbox / "missed.png").write_bytes(PNG)
    before.announce(os.fsdecode(intake_home.root), "is_root_changed")
    wait_for(lambda: intake_home.queued() == {"missed.png"}, 5)
    wait_for(lambda: fsevents.Stream.made is not before)


def test_events_under_the_disk_s_own_spelling_of_the_inbox_are_received(
    intake_home: IntakeHome, mac_watcher: MakeWatcher
) -> None:
    """A home that was typed in other case, or with other accents, than it was made with."""
    spelled = intake_home.root.replace(b"/home/", b"/HOME/")
    assert spelled != intake_home.root

    watcher = partial(mac_watcher, on_disk=lambda _: spelled)
    intake = intake_home.run(intake_home.make(watcher=watcher))
    wait_for(lambda: intake.is_idle)
    (intake_home.inbox / "received.png").write_bytes(PNG)
    fsevents.Stream.made.announce(f"{os.fsdecode(spelled)}/received.png", "is_created", "is_file")
    wait_for(lambda: intake_home.queued() == {"received.png"}, 5)
