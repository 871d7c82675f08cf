"""A decoder without a process, and a prefetcher without a thread."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable

import numpy as np

from daemon.media.clip import Clip, DecodePlan
from daemon.worker.asks import AskPrefetcher, AskTask
from daemon.worker.prefetch import DecodeTask, FilePrefetcher
from storage.description import Media
from storage.records import Fingerprint, MediaKind


class FakeOpener:
    """Opens every path as a small grey picture.

    `failures` maps a path to the exception of its opening, `defects` to its defects; `on_open` is called first, so that
    a test can act then.
    """

    def __init__(self, on_open: Callable[[bytes], None] = lambda _: None) -> None:
        self.failures: dict[bytes, Exception] = {}
        self.defects: dict[bytes, tuple[str, ...]] = {}
        self.opened: list[bytes] = []
        self.plans: list[DecodePlan] = []
        self.is_closed = False
        self.picture = np.full((4, 6, 3), 128, np.uint8)
        self._on_open = on_open

    def open(self, path: bytes, expected: Fingerprint, plan: DecodePlan) -> Clip:
        self._on_open(path)
        self.opened.append(path)
        self.plans.append(plan)
        if failure := self.failures.get(path):
            raise failure
        media = Media(kind=MediaKind.IMAGE, format="png", width=6, height=4)
        defects = self.defects.get(path, ())
        return Clip(media=media, pictures=(self.picture,), timestamps=(0.0,), defects=defects)

    def close(self) -> None:
        self.is_closed = True


class PrefetcherWithoutThread(FilePrefetcher):
    """Opens files in the caller's thread, as soon as possible; while `holding`, when a test calls `make_next`."""

    holding = False

    def add(self, task: DecodeTask) -> None:
        super().add(task)
        self._catch_up()

    def keep(self, keys: Collection[Hashable]) -> None:
        super().keep(keys)
        self._catch_up()

    def wait(self, seconds: float | None = None) -> None:
        """There is no thread to wait for."""

    def _catch_up(self) -> None:
        while not self.holding and self.make_next():
            pass


class AskPrefetcherWithoutThread(AskPrefetcher):
    """The same for the files of questions; while `holding`, they are not opened."""

    holding = False

    def add(self, task: AskTask) -> None:
        super().add(task)
        while not self.holding and self.make_next():
            pass

    def wait(self, seconds: float | None = None) -> None:
        """There is no thread to wait for."""
