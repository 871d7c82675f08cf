"""A person who types commands while processes die: each is answered. The commands' functions, without a shell."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from contextlib import closing, suppress
from dataclasses import replace
from types import TracebackType
from typing import Self

from cli.daemon_commands import change_jobs, rescan
from config.errors import DaemonNotRunningError, SmolwatchError
from config.recipes import load_recipe
from daemon.clock import SystemClock
from storage.commands.requests import CommandKind
from storage.db.database import open_database
from storage.jobs.store import JobStore
from storage.lifecycle import JobState
from storage.records import JobSpec
from tests.support.processes import DaemonHome

#: The recipes and details of redo.
SPECS = [
    replace(JobSpec(recipe=name, recipe_digest=load_recipe(name).digest), detail=detail)
    for name in ("alt-text", "brief")
    for detail in (None, "full")
]
#: A rescan waits longest: for a suspended daemon.
LONGEST_SECONDS = 40.0


class Person:
    """Types one command after the other, from `with` to its end. The last pause can last: call `resume` afterwards.

    `typed`: how many of each were answered. `unanswered`: those whose answer took too long, or was no error of ours.
    """

    def __init__(self, home: DaemonHome, seed: int) -> None:
        self._home = home
        self._random = random.Random(seed)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="person", daemon=True)
        self.typed: Counter[str] = Counter()
        self.unanswered: list[str] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def resume(self) -> None:
        """Ends a pause. A pause whose answer was an error, such as that the database is away, can begin later."""
        with suppress(SmolwatchError), self._home.reading() as library:
            if library.status.paused_since() is not None:
                change_jobs(self._home.settings, CommandKind.RESUME)

    def _run(self) -> None:
        ways = (self._redo, self._redo, self._retry, self._cancel, self._rescan, self._pause)
        while not self._stop.wait(self._random.uniform(0.3, 1.2)):
            way = self._random.choice(ways)
            name, began = way.__name__.lstrip("_"), time.monotonic()
            try:
                with suppress(SmolwatchError):  # an answer too: the daemon is away, the database is locked
                    way()
                self.typed[name] += 1
            except Exception as error:  # noqa: BLE001 - the soak's result
                self.unanswered.append(f"{name}: {error!r}")
            if (seconds := time.monotonic() - began) > LONGEST_SECONDS:
                self.unanswered.append(f"{name}: {seconds:.0f} s")

    def _jobs(self, state: JobState, most: int) -> list[int]:
        """Some of the newest jobs in this state."""
        with self._home.reading() as library:
            found = [job.id for job in library.jobs(state=state, limit=40)]
        return self._random.sample(found, min(most, len(found)))

    def _redo(self) -> None:
        with closing(open_database(self._home.settings.database_place)) as database:
            store = JobStore(database, SystemClock().now)
            store.describe_again(self._jobs(JobState.DONE, 4), self._random.choice(SPECS))

    def _retry(self) -> None:
        change_jobs(self._home.settings, CommandKind.RETRY, {"jobs": self._jobs(JobState.DONE, 1)})

    def _cancel(self) -> None:
        change_jobs(self._home.settings, CommandKind.CANCEL, {"jobs": self._jobs(JobState.QUEUED, 1)})

    def _rescan(self) -> None:
        with suppress(DaemonNotRunningError):
            rescan(self._home.settings, compare=False)

    def _pause(self) -> None:
        change_jobs(self._home.settings, CommandKind.PAUSE)
        change_jobs(self._home.settings, CommandKind.RESUME)
