"""How a description reaches the person: row, then sidecars, then done. The only place where that order is written.

Killed after the row, the job is taken up again and its sidecars are written again; it is never described again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from loguru import logger

from config.crash_point import crash_point
from daemon.clock import Clock
from daemon.episode import Episode, State, log_lines
from daemon.retry import backoff
from storage.errors import LostClaim, SidecarError
from storage.jobs import JobStore
from storage.records import Claim, Description
from storage.sidecars import ChangedFrom, Kept

#: Also given: what the file held before it was changed in place.
Write = Callable[[Description, ChangedFrom], list[Kept]]

UNFORESEEN = "Something unexpected went wrong; the log says more."

#: The code of a SidecarError whose file is not there. Once intake has marked the job's file as missing (never while the
#: whole inbox is away), no try can help: the description is kept, and is written out should the file come back.
GONE = "gone"
MISSING = "Its file is gone; the description is kept."

#: The longest pause between two tries to write sidecars, in seconds.
LONGEST_WAIT = 60.0


class Delivery:
    """`write` leaves the sidecars: `storage.sidecars.write`. `random` gives numbers from 0 to 1."""

    def __init__(self, store: JobStore, write: Write, clock: Clock, random: Callable[[], float]) -> None:
        self._store = store
        self._write = write
        self._clock = clock
        self._random = random
        self._postponed: Counter[int] = Counter()
        self._pending: dict[int, str] = {}
        self._episodes: dict[str, Episode] = {}

    def deliver(self, claim: Claim, description: Description) -> None:
        """Raises LostClaim when the job is no longer this claim's."""
        self._store.publish(claim, description)
        crash_point("published")
        self._finish(claim, description)

    def take_up(self, owner: str, *, lease_seconds: float) -> int:
        """Finish what was described before but stands without its sidecars. Returns how many jobs that were."""
        waiting = self._store.take_up(owner, lease_seconds=lease_seconds)
        for claim, description in waiting:
            try:
                self._finish(claim, description)
            except LostClaim:
                logger.warning("Job {} was taken by somebody else while it was published", claim.job.id)
                self._is_written(claim.job.id)
        return len(waiting)

    def _finish(self, claim: Claim, description: Description) -> None:
        job = claim.job
        try:
            kept = self._write(description, partial(self._store.changed_from, job.id))
        except SidecarError as error:
            if error.code == GONE and job.missing_since is not None:
                self._store.finish(claim, MISSING)
                self._is_written(job.id)
            else:
                self._postpone(claim, error.code, str(error))
            return
        except Exception as error:  # what nobody foresaw must not stop the publications behind it
            self._postpone(claim, "internal", UNFORESEEN, error)
            return
        crash_point("sidecars-written")
        self._store.finish(claim, " ".join(one.in_words() for one in kept))
        crash_point("finished")
        self._postponed.pop(job.id, None)
        self._is_written(job.id)
        logger.info("Job {} {}: done", job.id, job.name)

    def _postpone(self, claim: Claim, code: str, reason: str, error: Exception | None = None) -> None:
        """What was said is safe in the database. A try is cheap, so the end of the cause is not waited for for long."""
        job = claim.job
        self._postponed[job.id] += 1
        wait = timedelta(seconds=min(backoff(self._postponed[job.id], self._random), LONGEST_WAIT))
        reason = f"Sidecars pending. {reason}"
        detail = f"{type(error).__name__}: {error}" if error else None
        self._store.postpone(claim, code=code, reason=reason, not_before=self._clock.now() + wait, detail=detail)
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
