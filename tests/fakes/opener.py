"""A decoder without a process: every path is a small grey picture, unless it is told otherwise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from daemon.media.clip import Clip, DecodePlan
from storage.records import Fingerprint, Media, MediaKind


class FakeOpener:
    """`failures` maps a path to what its opening raises; `on_open` is called first, so that a test can act then."""

    def __init__(self, on_open: Callable[[bytes], None] = lambda _: None) -> None:
        self.failures: dict[bytes, Exception] = {}
        self.opened: list[bytes] = []
        self.picture = np.full((4, 6, 3), 128, np.uint8)
        self._on_open = on_open

    def open(self, path: bytes, expected: Fingerprint, plan: DecodePlan) -> Clip:
        self._on_open(path)
        self.opened.append(path)
        if failure := self.failures.get(path):
            raise failure
        media = Media(kind=MediaKind.IMAGE, format="png", width=6, height=4)
        return Clip(media=media, pictures=(self.picture,), timestamps=(0.0,))
