"""How settled files become jobs, or are refused with a reason that `smolwatch why` prints."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import Protocol

from loguru import logger

from config.crash_point import crash_point
from daemon.clock import Clock
from daemon.errors import ChangedError, ForeignError, GoneError, MediaError
from daemon.intake.identity import identify
from daemon.intake.moves import Moves
from daemon.intake.refusals import Refusals
from daemon.media.foreign_kinds import UNSURE_KINDS
from storage.jobs import JobStore
from storage.library import Library
from storage.lifecycle import Cause, JobState
from storage.records import Admission, Fingerprint, Job, NewFile

#: What was read is queued after this long, so that the first of many large files need not wait for the last.
READING_SECONDS = 0.5


class Outcome(StrEnum):
    """What became of a settled path, and so what intake remembers of it."""

    QUEUED = "queued"  #: a job waits for it
    KNOWN = "known"  #: these very bytes had their job before
    CHANGED = "changed"  #: it was compared, and holds other bytes than its job knew
    REFUSED = "refused"  #: not taken, until its bytes change
    FOREIGN = "foreign"  #: the same, and sure: its head says what it is instead of a picture or video
    LATER = "later"  #: the machine is in the way: looked at again by the next sweep
    AGAIN = "again"  #: it changed while it was read: it settles anew
    GONE = "gone"  #: it went away

    @property
    def is_judged(self) -> bool:
        """Nothing more to do until the file changes."""
        return self in {Outcome.QUEUED, Outcome.KNOWN, Outcome.CHANGED, Outcome.REFUSED, Outcome.FOREIGN}


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
        moves: Moves | None = None,
    ) -> None:
        self._store = store
        self._library = library
        self._clock = clock
        self._model = model
        self._recipe = recipe
        self._max_attempts = max_attempts
        self._max_bytes = max_bytes
        self._identify = identify
        self._moves = moves or Moves(store, library)
        self.refusals = Refusals(store, library, clock)

    def admit_all(self, settled: Mapping[bytes, Fingerprint], compare: Collection[bytes] = ()) -> dict[bytes, Outcome]:
        """What became of some hundreds of files, in one look-up and one transaction; of the first at least.

        Those in `compare` are read even if they stand untouched since their job. Those for which the time was too
        short are left out. Raises StorageError alone; then none is judged yet.
        """
        self.refusals.write()  # a file that is queued must not be refused by an older word afterwards
        until = self._clock.monotonic() + READING_SECONDS
        jobs = self._library.jobs_at(settled)
        outcomes: dict[bytes, Outcome] = {}
        files: list[NewFile] = []
        changed: set[bytes] = set()
        for path, fingerprint in settled.items():
            had = had_its_job(jobs.get(path), fingerprint)
            known = had and path not in compare and not waits_for_the_machine(jobs[path])
            found = Outcome.KNOWN if known else self._identified(path, fingerprint)
            if known:
                self.refusals.forget(path)  # what it waited for has passed
            if not isinstance(found, NewFile):
                outcomes[path] = found
            elif had and path in compare and found.digest == jobs[path].digest:
                outcomes[path] = Outcome.KNOWN
            else:
                files.append(found)
                if had and found.digest != jobs[path].digest:
                    changed.add(path)
            if self._clock.monotonic() > until:
                break
        outcomes |= self._queue(files)
        self.refusals.write()
        return outcomes | dict.fromkeys(changed, Outcome.CHANGED)

    def knows(self, path: bytes, fingerprint: Fingerprint) -> bool:
        """Whether this very file had its job; without reading it."""
        return had_its_job(self._library.job_at(path), fingerprint)

    def _identified(self, path: bytes, settled: Fingerprint) -> NewFile | Outcome:
        try:
            return self._identify(path, settled, max_bytes=self._max_bytes)
        except GoneError:
            return Outcome.GONE
        except ChangedError:
            return Outcome.AGAIN
        except ForeignError as error:
            self.refusals.note(path, error.code, "", kind=error.kind)
            return Outcome.REFUSED if error.kind in UNSURE_KINDS else Outcome.FOREIGN
        except MediaError as error:
            self.refusals.note(path, error.code, f"{error} {error.advice}".strip(), detail=error.detail or None)
            return Outcome.LATER if error.cause is Cause.ENVIRONMENT else Outcome.REFUSED

    def _queue(self, files: Sequence[NewFile]) -> dict[bytes, Outcome]:
        moved = self._moves.follow(files)
        outcomes = dict.fromkeys(moved.followed, Outcome.KNOWN) | dict.fromkeys(moved.ghosts, Outcome.GONE)
        files = [file for file in files if file.path not in outcomes]
        if not files:
            return outcomes
        crash_point("settled")
        admitted = self._store.admit_all(files, model=self._model, recipe=self._recipe, max_attempts=self._max_attempts)
        crash_point("admitted")
        for file, (admission, job) in zip(files, admitted, strict=True):
            logger.debug("{}: {} (job {})", os.fsdecode(file.path), admission.value, job)
            described = admission is Admission.ALREADY_DESCRIBED
            outcomes[file.path] = Outcome.KNOWN if described else Outcome.QUEUED
        first, more = os.fsdecode(files[0].path), len(files) - 1
        logger.info("Admitted {}{}", first, f" and {more} more" if more else "")
        return outcomes


def had_its_job(job: Job | None, settled: Fingerprint) -> bool:
    """A cheap answer for a file that stands untouched since its job: a sweep after a restart reads none of them."""
    return job is not None and job.state is not JobState.GONE and job.fingerprint == settled


def waits_for_the_machine(job: Job) -> bool:
    """Something was in the way of the file when it was to be opened: if it can be read now, the wait is over."""
    return job.state is JobState.QUEUED and job.cause is Cause.ENVIRONMENT
