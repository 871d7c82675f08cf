"""Why paths are not admitted: noted one by one, stored in batches, and only where the text is new.

A path that is no longer in the inbox is forgotten: at once when its event arrives, and by every sweep.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from itertools import islice

from loguru import logger

from daemon.clock import Clock
from daemon.intake.refusal_texts import sentence_of
from storage.jobs.store import JobStore
from storage.library import Library
from storage.records import Refusal

MAX_NOTED = 500


class Refusals:
    """Not thread-safe: the intake's thread owns it. What could not be stored stays noted.

    `has_charge`: whether a path is this inbox's concern.
    """

    def __init__(
        self, store: JobStore, library: Library, clock: Clock, has_charge: Callable[[bytes], bool] = lambda _: True
    ) -> None:
        self._store = store
        self._library = library
        self._clock = clock
        self._has_charge = has_charge
        self._noted: dict[bytes, Refusal] = {}
        self._gone: set[bytes] = set()

    def note(
        self,
        path: bytes,
        code: str,
        reason: str,
        *,
        kind: str | None = None,
        detail: str | None = None,
        partner: bytes | None = None,
    ) -> None:
        """`partner`: the path that represents this one. May raise StorageError, when a batch is full and stored."""
        self._gone.discard(path)
        now = self._clock.now()
        self._noted[path] = Refusal(
            path=path, code=code, reason=reason, at=now, kind=kind, detail=detail, partner=partner
        )
        if len(self._noted) >= MAX_NOTED:
            self.write()

    def forget(self, path: bytes) -> None:
        """There is no file any more."""
        self._noted.pop(path, None)
        self._gone.add(path)

    def prune(self, existing: Collection[bytes]) -> None:
        """Forget the refusals of this inbox, but not those of these paths. Raises StorageError."""
        refused = self._library.refused_paths()
        self._forget_all([path for path in refused if path not in existing and self._has_charge(path)])

    def write(self) -> None:
        """Raises StorageError."""
        self._forget_all(list(self._gone))
        self._gone.clear()
        while batch := dict(islice(self._noted.items(), MAX_NOTED)):
            last = self._library.refusals(list(batch))
            new = [refusal for path, refusal in batch.items() if not has_same_text(last.get(path), refusal)]
            if new:
                self._store.refuse_all(new)
            for path in batch:
                del self._noted[path]
            log_refusals(new)

    def _forget_all(self, gone: Sequence[bytes]) -> None:
        for start in range(0, len(gone), MAX_NOTED):
            batch = gone[start : start + MAX_NOTED]
            if refused := list(self._library.refusals(batch)):
                self._store.forget_refusals(refused)


def has_same_text(last: Refusal | None, new: Refusal) -> bool:
    return last is not None and text_key(last) == text_key(new)


def text_key(refusal: Refusal) -> tuple[object, ...]:
    return refusal.code, refusal.kind, refusal.reason, refusal.partner


def log_refusals(new: Sequence[Refusal]) -> None:
    """One line per reason, however many files it has."""
    paths: defaultdict[str, list[bytes]] = defaultdict(list)
    for refusal in new:
        paths[sentence_of(refusal)].append(refusal.path)
    for reason, refused in paths.items():
        more = f" and {len(refused) - 1} more" if len(refused) > 1 else ""
        logger.info("Not taken: {}{}: {}", os.fsdecode(refused[0]), more, reason)
