"""How a settled file becomes a job, or is refused with a reason that `smolwatch why` prints."""

from __future__ import annotations

import os
from enum import StrEnum
from typing import Protocol

from loguru import logger

from daemon.clock import Clock
from daemon.errors import ChangedError, GoneError, MediaError
from daemon.intake.identity import identify
from storage.jobs import JobStore
from storage.library import Library
from storage.lifecycle import Cause, JobState
from storage.records import Admission, Fingerprint, NewFile, Refusal


class Outcome(StrEnum):
    """What became of a settled path, and so what intake remembers of it."""

    QUEUED = "queued"  #: a job waits for it
    KNOWN = "known"  #: these very bytes had their job before
    REFUSED = "refused"  #: not taken, until its bytes change
    LATER = "later"  #: the machine is in the way: looked at again by the next sweep
    AGAIN = "again"  #: it changed while it was read: it settles anew
    GONE = "gone"  #: it went away

    @property
    def is_judged(self) -> bool:
        """Nothing more to do until the file changes."""
        return self in {Outcome.QUEUED, Outcome.KNOWN, Outcome.REFUSED}


class Identify(Protocol):
    """`daemon.intake.identity.identify`: who a settled file is."""

    def __call__(self, path: bytes, settled: Fingerprint, *, max_bytes: int) -> NewFile: ...


class Gate:
    """Admits settled files. `model` and `recipe` are the keys by which a file counts as described already."""

    def __init__(
        self,
        store: JobStore,
        library: Library,
        clock: Clock,
        *,
        model: str,
        recipe: str,
        max_attempts: int,
        max_bytes: int,
        identify: Identify = identify,
    ) -> None:
        self._store = store
        self._library = library
        self._clock = clock
        self._model = model
        self._recipe = recipe
        self._max_attempts = max_attempts
        self._max_bytes = max_bytes
        self._identify = identify

    def admit(self, path: bytes, settled: Fingerprint) -> Outcome:
        """Raises StorageError alone; then the path is not judged yet."""
        if self._had_its_job(path, settled):
            return Outcome.KNOWN
        try:
            file = self._identify(path, settled, max_bytes=self._max_bytes)
        except GoneError:
            return Outcome.GONE
        except ChangedError:
            return Outcome.AGAIN
        except MediaError as error:
            self.refuse(path, error.code, f"{error} {error.advice}".strip())
            return Outcome.LATER if error.cause is Cause.ENVIRONMENT else Outcome.REFUSED
        admission, job = self._store.admit(
            file, model=self._model, recipe=self._recipe, max_attempts=self._max_attempts
        )
        logger.info("{}: {} (job {})", os.fsdecode(path), admission.value, job)
        return Outcome.KNOWN if admission is Admission.ALREADY_DESCRIBED else Outcome.QUEUED

    def refuse(self, path: bytes, code: str, reason: str) -> None:
        """Record why a path is not taken, once."""
        last = self._library.refusal(path)
        if last is None or (last.code, last.reason) != (code, reason):
            self._store.refuse(Refusal(path=path, code=code, reason=reason, at=self._clock.now()))
            logger.info("{}: {}", os.fsdecode(path), reason)

    def _had_its_job(self, path: bytes, settled: Fingerprint) -> bool:
        """A cheap answer for a file that stands untouched since its job: a sweep after a restart reads none of them."""
        job = self._library.job_at(path)
        return job is not None and job.state is not JobState.GONE and job.fingerprint == settled
