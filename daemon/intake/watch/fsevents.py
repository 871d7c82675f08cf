"""macOS: an FSEvents observer that says when the system has lost events.

The system then asks for the folder to be listed anew; watchdog's own emitter does not pass that on.
Imported on a Mac alone: what it stands on exists nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from watchdog.observers.api import BaseObserver, EventQueue, ObservedWatch
from watchdog.observers.fsevents import FSEventsEmitter, FSEventsObserver

#: The flags of a native event after which only a listing tells what is there.
LOST_FLAGS = ("must_scan_subdirs", "is_user_dropped", "is_kernel_dropped", "is_root_changed")


class LossTellingEmitter(FSEventsEmitter):
    """Calls `lose` for every event that stands for others which were lost. It must not block or raise."""

    def __init__(self, event_queue: EventQueue, watch: ObservedWatch, *, lose: Callable[[], None], **more: Any) -> None:
        super().__init__(event_queue, watch, **more)
        self._lose = lose

    def queue_events(self, timeout: float, events: list[Any]) -> None:  # type: ignore[override]  # as its parent does
        if any(getattr(event, flag) for event in events for flag in LOST_FLAGS):
            self._lose()
        super().queue_events(timeout, events)


class LossTellingObserver(FSEventsObserver):
    """watchdog's own, with that emitter."""

    def __init__(self, lose: Callable[[], None]) -> None:
        BaseObserver.__init__(self, LossTellingEmitter, lose=lose)
