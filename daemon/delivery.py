"""Publishes descriptions: first the row, then the sidecars, then the state done. The only place with that order.

After a kill behind the row, the job is recovered and its sidecars are written again; it is never described again. The
same holds after a power loss: the row is on the drive before the first sidecar (the database flushes each commit), and
done is stored only when the drive has the sidecars, because a done job's sidecars are not written again.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path

from loguru import logger

from config.failpoints import failpoint
from daemon.clock import Clock
from daemon.episode import Episode, State, log_lines
from daemon.retry_policy import backoff
from storage.atomic import remove_temporaries
from storage.description import Description
from storage.errors import ClaimLostError, SidecarError
from storage.jobs.store import JobStore
from storage.records import Claim
from storage.sidecars import durability
from storage.sidecars.conflict_copy import ChangedFrom
from storage.sidecars.writer import KeptSidecar

#: Its other arguments: the digests of the file before it was changed in place, and a set to which it adds the folders
#: for `Sync`.
Write = Callable[[Description, ChangedFrom, set[bytes]], list[KeptSidecar]]
#: Makes the new names in these folders survive a power loss; returns the errors by folder.
Sync = Callable[[Collection[bytes]], Mapping[bytes, SidecarError]]

UNEXPECTED = "Unexpected error; see the log for details."

#: The code of a SidecarError whose file does not exist. Once intake has marked the job's file as missing (never while
#: the whole inbox is unmounted), no retry can help: the description is kept, and written if the file comes back.
GONE = "gone"
MISSING = "The file is gone; its description is kept."

#: The longest back-off between two tries to write sidecars, in seconds.
MAX_BACKOFF = 60.0
#: Jobs that share their transactions: a crash makes no more sidecars than these be written again.
MAX_BATCH = 32


@dataclass(frozen=True)
class Written:
    """A job whose sidecars are written, a note on them, and their folders."""

    claim: Claim
    note: str
    folders: frozenset[bytes]


class Delivery:
    """`write` and `sync` are of `storage.sidecars`; `random` returns numbers from 0 to 1.

    `folder_of`: the folder that gets the sidecars of a path.

    For one thread at a time. A batch is delivered in two transactions.
    """

    def __init__(
        self,
        store: JobStore,
        write: Write,
        clock: Clock,
        random: Callable[[], float],
        sync: Sync = durability.sync,
        folder_of: Callable[[bytes], bytes] = os.path.dirname,
    ) -> None:
        self._store = store
        self._write = write
        self._sync = sync
        self._folder_of = folder_of
        self._clock = clock
        self._started = clock.now().timestamp()
        self._random = random
        self._postponed: Counter[int] = Counter()
        self._pending: dict[int, str] = {}
        self._episodes: dict[str, Episode] = {}

    def deliver(self, described: Sequence[tuple[Claim, Description]]) -> None:
        """A job whose claim was lost is skipped and blocks no other. Raises StorageError alone."""
        if not described:
            return
        held = self._store.publish_all(described)
        failpoint("published")
        for claim, _ in described:
            if claim.job.id not in held:
                logger.warning("Job {} is no longer claimed by {}; nothing was changed.", claim.job.id, claim.owner)
        self._finish(self._with_saved_answers([each for each in described if each[0].job.id in held]))

    def _with_saved_answers(self, held: Sequence[tuple[Claim, Description]]) -> list[tuple[Claim, Description]]:
        """What a person asked about the same bytes before goes into the new sidecars too."""
        saved = self._store.saved.of({description.digest for _, description in held}) if held else {}
        return [(claim, replace(description, asked=saved.get(description.digest, ()))) for claim, description in held]

    def claim_unpublished(self, owner: str, *, lease_seconds: float) -> int:
        """Write the sidecars of jobs that an earlier worker described. Returns how many jobs these were."""
        waiting = self._store.claim_unpublished(owner, lease_seconds=lease_seconds)
        self._sweep_temporaries([claim for claim, _ in waiting if claim.job.reason is None])  # else only postponed
        for start in range(0, len(waiting), MAX_BATCH):
            self._finish(waiting[start : start + MAX_BATCH])
        return len(waiting)

    def _sweep_temporaries(self, orphans: Sequence[Claim]) -> None:
        """Remove the temporary files that a dead worker left when it published these jobs, before this one started."""
        for folder in {self._folder_of(claim.job.path) for claim in orphans}:
            remove_temporaries(Path(os.fsdecode(folder)), lambda _: False, before=self._started)

    def _finish(self, published: Sequence[tuple[Claim, Description]]) -> None:
        """All sidecars are on the drive before the first of these jobs is done."""
        written = []
        for claim, description in published:
            outcome = self._try_to_write(claim, description)
            if isinstance(outcome, Written):
                written.append(outcome)
            elif isinstance(outcome, SidecarError):
                self._postpone(claim, outcome.code, str(outcome))
            else:
                self._postpone(claim, "internal", UNEXPECTED, outcome)
        failpoint("names-unsynced")
        failed = self._sync(set().union(*(sidecars.folders for sidecars in written)))
        for sidecars in written:
            if errors := [failed[folder] for folder in sidecars.folders if folder in failed]:
                self._postpone(sidecars.claim, errors[0].code, str(errors[0]))
        synced = [sidecars for sidecars in written if not sidecars.folders & failed.keys()]
        failpoint("sidecars-written")
        held = self._store.finish_all([(sidecars.claim, sidecars.note) for sidecars in synced]) if synced else set()
        failpoint("finished")
        for job in (sidecars.claim.job for sidecars in synced):
            self._end_pending(job.id)
            if job.id in held:
                self._postponed.pop(job.id, None)
                logger.info("Job {} {}: done", job.id, job.name)
            else:
                logger.warning("Job {} was claimed by another worker while it was being published", job.id)

    def _try_to_write(self, claim: Claim, description: Description) -> Written | Exception:
        """The exception if its sidecars cannot be written now."""
        job, folders = claim.job, set[bytes]()
        try:
            kept = self._write(description, partial(self._store.presence.changed_from, job.id), folders)
        except SidecarError as error:
            return Written(claim, MISSING, frozenset()) if error.code == GONE and job.missing_since else error
        except Exception as error:  # noqa: BLE001 - an unexpected error must not block the jobs after it
            return error
        return Written(claim, " ".join(sidecar.to_text() for sidecar in kept), frozenset(folders))

    def _postpone(self, claim: Claim, code: str, reason: str, error: Exception | None = None) -> None:
        """The description is safe in the database. Retries are cheap, so the back-off stays short."""
        job = claim.job
        self._postponed[job.id] += 1
        pause = timedelta(seconds=min(backoff(self._postponed[job.id], self._random), MAX_BACKOFF))
        reason = f"Sidecars pending. {reason}"
        detail = f"{type(error).__name__}: {error}" if error else None
        due = self._clock.now() + pause
        try:
            self._store.postpone(claim, code=code, reason=reason, not_before=due, detail=detail)
        except ClaimLostError as error_of_claim:
            logger.warning("{}", error_of_claim)
            self._end_pending(job.id)
            return
        logger.debug("Job {} {}: {}", job.id, job.name, reason)
        self._begin_pending(claim, code, reason, error)

    def _begin_pending(self, claim: Claim, code: str, reason: str, error: Exception | None) -> None:
        """One log line for all jobs with the same cause: a full disk may block thousands, each retried every minute."""
        if (other := self._pending.get(claim.job.id)) and other != code:
            self._end_pending(claim.job.id)
        self._pending[claim.job.id] = code
        state = State(code, f"{reason} (first for {claim.job.name})", f"Sidecars are written again ({code})")
        log_lines(self._episodes.setdefault(code, Episode(calm=0)).on(state, self._clock.monotonic()), error)

    def _end_pending(self, job: int) -> None:
        """This job no longer waits; the log state ends with its last job."""
        code = self._pending.pop(job, None)
        if code is not None and code not in self._pending.values():
            log_lines(self._episodes[code].off(self._clock.monotonic()))
