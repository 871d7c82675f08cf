"""The watcher: file events from the operating system. They are hints; only a sweep is complete."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from loguru import logger
from watchdog.observers.api import BaseObserver

from daemon.intake.inbox_mount import is_away, on_disk, root_id
from daemon.intake.watch.event_queue import EventQueue, WatchEvents
from daemon.intake.watch.limits import LIMIT_ERRORS
from daemon.intake.watch.observers import defect_of, native_observer, ran_short, start_observer, stop_observer
from storage.filesystems import network_kind

LIMIT_ADVICE = (
    "The system allows no more folder watches; the inbox is listed every few seconds instead. "
    "To raise it, set fs.inotify.max_user_watches and fs.inotify.max_user_instances with sysctl, and restart."
)
NETWORK_ADVICE = (
    "The inbox lies on a network volume ({}), which reports no changes; it is listed every few seconds, or once a "
    "minute when it is large."
)
CHOSEN_ADVICE = "The inbox is listed every few seconds (inbox.observer is poll)."
Choice = Literal["auto", "native", "poll"]


class Watcher:
    """One recursive watch on the inbox, replaced when it is defective; or none, where watching is useless.

    `choice` is the setting inbox.observer, `kind` and `advice` are what status shows. Without a watch (`polls`), the
    inbox must be listed often instead.
    """

    def __init__(
        self,
        root: bytes,
        events: WatchEvents,
        choice: Choice = "auto",
        *,
        observe: Callable[[], BaseObserver] | None = None,
        network_kind: Callable[[Path], str | None] = network_kind,
        on_disk: Callable[[bytes], bytes] = on_disk,
    ) -> None:
        self._root = root
        self._events = events
        self._choice = choice
        self._observe = observe or (lambda: native_observer(events.mark_lost))
        self._network_kind = network_kind
        self._on_disk = on_disk
        self._observer: BaseObserver | None = None
        self._root_id: tuple[int, int] | None = None
        self.network: str | None = None
        self.polls = False
        self.advice = ""

    @property
    def kind(self) -> str:
        return type(self._observer).__name__ if self._observer else "poll" if self.polls else "none"

    def start(self) -> None:
        """Raises OSError while there is no inbox, or when it cannot be watched at all."""
        if self._root_id is not None and is_away(self._root, self._root_id[0]):
            raise FileNotFoundError(errno.ENOENT, "the inbox's disk is not mounted")
        self._root_id = root_id(self._root)
        self.network = self._network_kind(Path(os.fsdecode(self._root)))
        if self._choice == "poll":
            self._poll(CHOSEN_ADVICE)
        elif self.network and self._choice == "auto":
            self._poll(NETWORK_ADVICE.format(self.network))
        else:
            self._arm()

    def stop(self) -> None:
        self.polls = False
        observer, self._observer = self._observer, None
        if observer is not None:
            stop_observer(observer)

    def defect(self) -> str | None:
        """Why the watch no longer reports everything; None while it works. Raises OSError while there is no inbox.

        An observer does not report that one of its threads has died, or that the folder was replaced.
        """
        if self._observer is None and not self.polls:
            return "the inbox is not watched yet"
        if root_id(self._root) != self._root_id:
            return "the inbox folder was replaced"
        return defect_of(self._observer) if self._observer else None

    def _arm(self) -> None:
        try:
            observer = self._observe()
            start_observer(observer, self._root, EventQueue(self._events, self._root, self._on_disk(self._root)))
        except OSError as error:
            if error.errno not in LIMIT_ERRORS:
                raise
            self._poll(LIMIT_ADVICE)
            return
        if ran_short(observer):
            stop_observer(observer)
            self._poll(LIMIT_ADVICE)
            return
        self._observer = observer
        self.polls = False
        self.advice = ""

    def _poll(self, advice: str) -> None:
        if advice != self.advice:
            logger.warning(advice)
        self.polls = True
        self.advice = advice
