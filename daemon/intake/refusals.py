"""Why paths are not taken: noted one by one, written down in batches, and only where the words are new."""

from __future__ import annotations

import os
from itertools import islice

from loguru import logger

from daemon.clock import Clock
from storage.jobs import JobStore
from storage.library import Library
from storage.records import Refusal

MOST_NOTED = 500


class Refusals:
    """Not thread-safe: the intake's thread owns it. What could not be written down stays noted."""

    def __init__(self, store: JobStore, library: Library, clock: Clock) -> None:
        self._store = store
        self._library = library
        self._clock = clock
        self._noted: dict[bytes, Refusal] = {}

    def note(
        self, path: bytes, code: str, reason: str, *, detail: str | None = None, partner: bytes | None = None
    ) -> None:
        """`partner`: the path that stands for this one. May raise StorageError, when many are written down at once."""
        now = self._clock.now()
        self._noted[path] = Refusal(path=path, code=code, reason=reason, at=now, detail=detail, partner=partner)
        if len(self._noted) >= MOST_NOTED:
            self.write()

    def write(self) -> None:
        """Raises StorageError."""
        while batch := dict(islice(self._noted.items(), MOST_NOTED)):
            last = self._library.refusals(list(batch))
            new = [refusal for path, refusal in batch.items() if not says_the_same(last.get(path), refusal)]
            if new:
                self._store.refuse_all(new)
            for path in batch:
                del self._noted[path]
            for refusal in new:
                logger.info("{}: {}", os.fsdecode(refusal.path), refusal.reason)


def says_the_same(last: Refusal | None, new: Refusal) -> bool:
    return last is not None and (last.code, last.reason, last.partner) == (
        new.code,
        new.reason,
        new.partner,
    )
