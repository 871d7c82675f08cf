"""How a description reaches the person: row, then sidecars, then done. The only place where that order is written.

Killed after the row, the job is taken up again and its sidecars are written again; it is never described again. That
holds for a loss of power too: the row is on the drive before a sidecar is begun (the database flushes each commit), and
done is written only when the drive has the sidecars, which nobody would write again afterwards.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
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

#: Also given: what the file held before it was changed in place, and a set for the folders that `Sync` is to get.
Write = Callable[[Description, ChangedFrom, set[bytes]], list[KeptSidecar]]
#: Makes the new names in these folders outlast a loss of power; what failed, by folder.
Sync = Callable[[Collection[bytes]], Mapping[bytes, SidecarError]]

UNFORESEEN = "Something unexpected went wrong; the log says more."

#: The code of a SidecarError whose file is not there. Once intake has marked the job's file as missing (never while the
#: whole inbox is away), no try can help: the description is kept, and is written out should the file come back.
GONE = "gone"
MISSING = "Its file is gone; the description is kept."

#: The longest pause between two tries to write sidecars, in seconds.
LONGEST_WAIT = 60.0
#: So many jobs share their transactions at most: a crash has no more sidecars written again than these.
MOST_TOGETHER = 32


@dataclass(frozen=True)
class Written:
    """A job whose sidecars stand, a note on them, and the folders that they stand in."""

    claim: Claim
    note: str
    folders: frozenset[bytes]


class Delivery:
    """`write` leaves the sidecars, `sync` makes them last: `storage.sidecars`. `random` gives numbers from 0 to 1.

    For one thread at a time. What was described together is delivered together: two transactions in all.
    """

    def __init__(
        self,
        store: JobStore,
        write: Write,
        clock: Clock,
        random: Callable[[], float],
        sync: Sync = durability.sync,
    ) -> None:
        self._store = store
        self._write = write
        self._sync = sync
        self._clock = clock
        self._since = clock.now().timestamp()
        self._random = random
        self._postponed: Counter[int] = Counter()
        self._pending: dict[int, str] = {}
        self._episodes: dict[str, Episode] = {}

    def deliver(self, described: Sequence[tuple[Claim, Description]]) -> None:
        """A job that is no longer its claim's is passed over, and stops no other. Raises StorageError alone."""
        if not described:
            return
        held = self._store.publish_all(described)
        failpoint("published")
        for claim, _ in described:
            if claim.job.id not in held:
                logger.warning("Job {} is no longer {}'s; nothing was changed.", claim.job.id, claim.owner)
        self._finish([(claim, said) for claim, said in described if claim.job.id in held])

    def claim_unpublished(self, owner: str, *, lease_seconds: float) -> int:
        """Finish what was described before but stands without its sidecars. Returns how many jobs that were."""
        waiting = self._store.claim_unpublished(owner, lease_seconds=lease_seconds)
        self._clear_away([claim for claim, _ in waiting if claim.job.reason is None])  # else it was only put off
        for start in range(0, len(waiting), MOST_TOGETHER):
            self._finish(waiting[start : start + MOST_TOGETHER])
        return len(waiting)

    def _clear_away(self, orphans: Sequence[Claim]) -> None:
        """What the worker that began to publish these jobs left half-written when it died, before this one began."""
        for folder in {os.path.dirname(claim.job.path) for claim in orphans}:
            remove_temporaries(Path(os.fsdecode(folder)), lambda _: False, before=self._since)

    def _finish(self, published: Sequence[tuple[Claim, Description]]) -> None:
        """All sidecars are brought to the drive before the first of these jobs is done."""
        written = []
        for claim, description in published:
            outcome = self._written(claim, description)
            if isinstance(outcome, Written):
                written.append(outcome)
            elif isinstance(outcome, SidecarError):
                self._postpone(claim, outcome.code, str(outcome))
            else:
                self._postpone(claim, "internal", UNFORESEEN, outcome)
        failpoint("names-unsynced")
        failed = self._sync(set().union(*(one.folders for one in written)))
        for one in written:
            if broken := [failed[folder] for folder in one.folders if folder in failed]:
                self._postpone(one.claim, broken[0].code, str(broken[0]))
        safe = [one for one in written if not one.folders & failed.keys()]
        failpoint("sidecars-written")
        held = self._store.finish_all([(one.claim, one.note) for one in safe]) if safe else set()
        failpoint("finished")
        for job in (one.claim.job for one in safe):
            self._is_written(job.id)
            if job.id in held:
                self._postponed.pop(job.id, None)
                logger.info("Job {} {}: done", job.id, job.name)
            else:
                logger.warning("Job {} was taken by another worker while it was published", job.id)

    def _written(self, claim: Claim, description: Description) -> Written | Exception:
        """Or why its sidecars cannot be written now."""
        job, folders = claim.job, set[bytes]()
        try:
            kept = self._write(description, partial(self._store.changed_from, job.id), folders)
        except SidecarError as error:
            return Written(claim, MISSING, frozenset()) if error.code == GONE and job.missing_since else error
        except Exception as error:  # what nobody foresaw must not stop the publications behind it
            return error
        return Written(claim, " ".join(one.to_text() for one in kept), frozenset(folders))

    def _postpone(self, claim: Claim, code: str, reason: str, error: Exception | None = None) -> None:
        """What was said is safe in the database. A try is cheap, so the end of the cause is not waited for for long."""
        job = claim.job
        self._postponed[job.id] += 1
        wait = timedelta(seconds=min(backoff(self._postponed[job.id], self._random), LONGEST_WAIT))
        reason = f"Sidecars pending. {reason}"
        detail = f"{type(error).__name__}: {error}" if error else None
        due = self._clock.now() + wait
        try:
            self._store.postpone(claim, code=code, reason=reason, not_before=due, detail=detail)
        except ClaimLostError as error_of_claim:
            logger.warning("{}", error_of_claim)
            self._is_written(job.id)
            return
        logger.debug("Job {} {}: {}", job.id, job.name, reason)
        self._is_pending(claim, code, reason, error)

    def _is_pending(self, claim: Claim, code: str, reason: str, error: Exception | None) -> None:
        """One line for all the jobs that wait for the same: a full disk may keep thousands, each tried every minute."""
        if (other := self._pending.get(claim.job.id)) and other != code:
            self._is_written(claim.job.id)
        self._pending[claim.job.id] = code
        state = State(code, f"{reason} (first for {claim.job.name})", f"Sidecars are written again ({code})")
        log_lines(self._episodes.setdefault(code, Episode(calm=0)).on(state, self._clock.monotonic()), error)

    def _is_written(self, job: int) -> None:
        """This job no longer waits; the state is over when no other job waits for it."""
        code = self._pending.pop(job, None)
        if code is not None and code not in self._pending.values():
            log_lines(self._episodes[code].off(self._clock.monotonic()))
