"""How far a run is, read from the database in the daemon's main loop: cheap, seldom, and never in the way."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from cli.times import utc_now
from config.errors import SmolwatchError
from storage.jobs.finished import Finished
from storage.library import Library
from storage.lifecycle import JobState

#: Between two reads; and the share of time that reads may take, however large the database is.
READ_SECONDS = 1.0
READ_SHARE = 0.05
#: The speed is that of so many seconds, and of so many changes at least.
WINDOW_SECONDS = 60.0
WINDOW_CHANGES = 10
LEAST_SECONDS = 3.0


@dataclass(frozen=True, kw_only=True)
class Progress:
    """One read. `done`, with `failed` among them, and `left`: files of this batch, which began with an empty queue.

    `finished`: since the last read. `running`: how many files are open, `current` is one of them. `postponed`: how many
    wait for a later try, where none is open. `model`: the engine's state. `paused`: why the machine slows or pauses
    work. `is_paused`: a person has paused it.
    `is_stopping`: the files in hand are finished, then the run ends.
    """

    done: int
    failed: int
    left: int
    per_minute: float | None = None
    finished: tuple[Finished, ...] = ()
    running: int = 0
    current: bytes | None = None
    postponed: int = 0
    model: str = ""
    model_reason: str = ""
    paused: str = ""
    is_paused: bool = False
    is_stopping: bool = False


class Speed:
    """Files a minute, from how many were done when. Pure: times are passed in."""

    def __init__(self) -> None:
        self._changes: deque[tuple[float, int]] = deque()

    def note(self, done: int, now: float) -> None:
        if done and (not self._changes or done > self._changes[-1][1]):
            self._changes.append((now, done))
        while len(self._changes) > WINDOW_CHANGES and self._changes[0][0] < now - WINDOW_SECONDS:
            self._changes.popleft()

    def per_minute(self, now: float) -> float | None:
        """None while it is unknown. The first files do not count: they waited for the model."""
        if len(self._changes) < 2:
            return None
        (since, first), (_, last) = self._changes[0], self._changes[-1]
        return (last - first) * 60 / (now - since) if now - since >= LEAST_SECONDS else None


class ProgressReader:
    """The daemon's observer: reads after a step of its main loop, when that is due, and passes on what changed."""

    def __init__(self, show: Callable[[Progress], None], *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._show = show
        self._monotonic = monotonic
        self._due = 0.0
        self._event: int | None = None
        self._is_live = True
        self._done = self._failed = 0
        self._speed = Speed()
        self._last = Progress(done=0, failed=0, left=0)
        self.total_done = 0

    @property
    def is_stopping(self) -> bool:
        return self._last.is_stopping

    def after_step(self, library: Library) -> None:
        began = self._monotonic()
        if began < self._due:
            return
        try:
            self.read(library)
        except SmolwatchError:  # the daemon reports trouble with the database itself
            return
        finally:
            ended = self._monotonic()
            self._due = ended + max(READ_SECONDS, (ended - began) / READ_SHARE)

    def stopping(self) -> None:
        """The run was asked to stop."""
        self._last = replace(self._last, finished=(), is_stopping=True)
        self._show(self._last)

    def read(self, library: Library) -> None:
        """Raises StorageError."""
        finished, newest = library.finished_after(self._event)
        if newest == self._event and not self._is_live:
            return
        self._event = newest
        left = library.live_counts()
        was_live, self._is_live = self._is_live, any(left.values())
        if self._is_live and not was_live:
            self._done, self._failed, self._speed = 0, 0, Speed()
        counted = [job for job in finished if job.state != JobState.GONE]
        self._done += len(counted)
        self._failed += sum(job.state == JobState.FAILED for job in counted)
        self.total_done += len(counted)
        now = self._monotonic()
        self._speed.note(self._done, now)
        running = library.jobs(state=JobState.RUNNING, limit=1) if left[JobState.RUNNING] else []
        engine = library.status.engine()
        self._last = Progress(
            done=self._done,
            failed=self._failed,
            left=sum(left.values()),
            per_minute=self._speed.per_minute(now),
            finished=tuple(finished),
            running=left[JobState.RUNNING],
            current=running[0].path if running else None,
            model=engine.state,
            model_reason=engine.reason or "",
            postponed=sum(left.values()) - library.count_due(utc_now()) if not left[JobState.RUNNING] else 0,
            paused=library.status.power().reason or "",
            is_paused=library.status.paused_since() is not None,
            is_stopping=self.is_stopping,
        )
        self._show(self._last)


def outcome(job: Finished) -> str:
    """What became of a file: its caption, or why there is none. Not safe to print yet."""
    if job.caption:
        return job.caption
    return f"{job.state}: {job.reason}" if job.reason else job.state
