"""Claimed files are opened ahead of the model, on a thread of their own, so that the model does not wait for them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self, TypeVar

from daemon.clock import Clock
from daemon.media.clip import Clip, DecodePlan
from daemon.prefetcher import Prefetcher, PrefetchWindow
from daemon.worker.outcomes import check_digest
from storage.records import Claim, Fingerprint

Task = TypeVar("Task")
Made = TypeVar("Made")

#: Files that are claimed before the engine has capacity for them: as many as one batch may hold.
FILES_AHEAD = 8
#: Memory for opened pictures until they are described; one file is opened in any case.
OPENED_BYTES = 512 * 1024**2
#: How long the end waits for the thread. A file that hangs its decoder delays nothing: both end with the process.
GRACE_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class DecodeTask:
    """A claimed file to be opened; it was queued for `queued` seconds, and claimed at `began` (monotonic)."""

    claim: Claim
    plan: DecodePlan
    queued: float
    began: float


@dataclass(frozen=True, kw_only=True)
class Opened:
    """The clip, or the error instead; `seconds`: how long that took."""

    task: DecodeTask
    clip: Clip | Exception
    seconds: float

    @property
    def nbytes(self) -> int:
        return 0 if isinstance(self.clip, Exception) else self.clip.nbytes


class Opener(Protocol):
    """What is needed of `daemon.media.decoder.decoder.Decoder`."""

    def open(self, path: bytes, expected: Fingerprint, plan: DecodePlan) -> Clip: ...

    def close(self) -> None: ...


def job_id(task: DecodeTask) -> int:
    return task.claim.job.id


def nbytes(opened: Opened) -> int:
    return opened.nbytes


class OpenerThread(Prefetcher[Task, Made]):
    """Uses the opener on its own thread alone, from `with` to the end of it: the decoder dies with that thread."""

    def __init__(
        self, opener: Opener, make: Callable[[Task], Made], window: PrefetchWindow[Task, Made], grace_seconds: float
    ) -> None:
        super().__init__(make, window)
        self._opener = opener
        self._grace_seconds = grace_seconds
        self._is_over = False
        self._thread = threading.Thread(target=self._run, name="prefetch", daemon=True)

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

    def _run(self) -> None:
        while self._wait_for_more():
            self.make_next()
        self._opener.close()

    def _wait_for_more(self) -> bool:
        """Until a file can be opened; False when no more will come."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_over or self._window.can_begin)
            return not self._is_over


class FilePrefetcher(OpenerThread[DecodeTask, Opened]):
    """Opens the files of claimed jobs."""

    def __init__(
        self, opener: Opener, clock: Clock, max_bytes: int = OPENED_BYTES, *, grace_seconds: float = GRACE_SECONDS
    ) -> None:
        super().__init__(opener, self._open, PrefetchWindow(job_id, nbytes, max_bytes), grace_seconds)
        self._clock = clock

    def _open(self, task: DecodeTask) -> Opened:
        job, began = task.claim.job, self._clock.monotonic()
        clip: Clip | Exception
        try:
            check_digest(job, max_bytes=task.plan.max_bytes)
            clip = self._opener.open(job.path, job.fingerprint, task.plan)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this file's outcome
            clip = error
        return Opened(task=task, clip=clip, seconds=self._clock.monotonic() - began)
