"""Claimed files are opened on a thread beside the model, which need not stand still for them."""

from __future__ import annotations

import threading
from collections.abc import Collection
from types import TracebackType
from typing import Protocol, Self

from daemon.clock import Clock
from daemon.media.clip import Clip, DecodePlan
from daemon.worker.outcomes import check_digest
from daemon.worker.prefetch_window import DecodeTask, Opened, PrefetchWindow
from storage.records import Claim, Fingerprint

#: How long the thread is waited for at the end. A file that hangs its decoder keeps nobody: both end with the process.
GRACE_SECONDS = 1.0


class Opener(Protocol):
    """What is needed of `daemon.media.decoder.decoder.Decoder`."""

    def open(self, path: bytes, expected: Fingerprint, plan: DecodePlan) -> Clip: ...

    def close(self) -> None: ...


class Prefetcher:
    """Has the opener to itself. Its thread lives from `with` to the end of it; all methods are for one other thread."""

    def __init__(
        self, opener: Opener, clock: Clock, ahead: PrefetchWindow | None = None, *, grace_seconds: float = GRACE_SECONDS
    ) -> None:
        self._opener = opener
        self._clock = clock
        self._ahead = PrefetchWindow() if ahead is None else ahead
        self._grace_seconds = grace_seconds
        self._changed = threading.Condition()
        self._is_over = False
        self._thread = threading.Thread(target=self._run, name="reader", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
        self._thread.join(self._grace_seconds)

    def __len__(self) -> int:
        """How many files were wanted and not taken."""
        with self._changed:
            return len(self._ahead)

    def want(self, errand: DecodeTask) -> None:
        """Open this file after those wanted before."""
        with self._changed:
            self._ahead.want(errand)
            self._changed.notify_all()

    def wait(self, seconds: float) -> None:
        """Until a file can be taken, or that long; not at all when there is none to wait for."""
        with self._changed:
            self._changed.wait_for(lambda: self._ahead.may_take or not len(self._ahead), seconds)

    def take(self) -> Opened | None:
        """The next opened file, if there is one. Its pictures count while they are kept."""
        with self._changed:
            return self._ahead.take()

    def keep(self, jobs: Collection[int]) -> None:
        """Of the files taken, only those of these jobs still need their pictures."""
        with self._changed:
            self._ahead.keep(jobs)
            self._changed.notify_all()

    def forget(self) -> list[Claim]:
        """Give up all files that were not taken; their claims."""
        with self._changed:
            return self._ahead.forget()

    def open_next(self) -> bool:
        """Open a file in the caller's time; False when there is none to be opened now."""
        with self._changed:
            errand = self._ahead.next()
        if errand is None:
            return False
        opened = self._open(errand)
        with self._changed:
            self._ahead.open(opened)
            self._changed.notify_all()
        return True

    def _open(self, errand: DecodeTask) -> Opened:
        job, began = errand.claim.job, self._clock.monotonic()
        clip: Clip | Exception
        try:
            check_digest(job, max_bytes=errand.plan.max_bytes)
            clip = self._opener.open(job.path, job.fingerprint, errand.plan)
        except Exception as error:  # whatever it is, it is this file's outcome
            clip = error
        return Opened(errand=errand, clip=clip, seconds=self._clock.monotonic() - began)

    def _run(self) -> None:
        while self._waits_for_more():
            self.open_next()
        self._opener.close()

    def _waits_for_more(self) -> bool:
        """Until there is a file to open; False when no more will come."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_over or self._ahead.may_open)
            return not self._is_over
