"""macOS: an FSEvents observer that reports lost events.

The system then flags a folder that must be listed again; watchdog's own emitter ignores those flags.
Import it on macOS only: its base classes exist nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from watchdog.observers.api import BaseObserver, EventQueue, ObservedWatch
from watchdog.observers.fsevents import FSEventsEmitter, FSEventsObserver

#: Flags of a native event after which the folder must be listed.
LOST_FLAGS = ("must_scan_subdirs", "is_user_dropped", "is_kernel_dropped", "is_root_changed")


class LossTellingEmitter(FSEventsEmitter):
    """Calls `mark_lost` for every event with one of LOST_FLAGS. It must not block or raise."""

    def __init__(
        self, event_queue: EventQueue, watch: ObservedWatch, *, mark_lost: Callable[[], None], **options: Any
    ) -> None:
        super().__init__(event_queue, watch, **options)
        self._mark_lost = mark_lost

    def queue_events(self, timeout: float, events: list[Any]) -> None:  # type: ignore[override]  # as its parent does
        if any(getattr(event, flag) for event in events for flag in LOST_FLAGS):
            self._mark_lost()
        super().queue_events(timeout, events)


class LossTellingObserver(FSEventsObserver):
    """watchdog's observer with that emitter."""

    def __init__(self, mark_lost: Callable[[], None]) -> None:
        BaseObserver.__init__(self, LossTellingEmitter, mark_lost=mark_lost)
