"""The composition root: joins lock, database, intake and supervisor, and runs them until told to stop."""

from __future__ import annotations

import math
import os
import threading
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from loguru import logger

from config.errors import ModelUnavailableError, SmolwatchError
from config.load import prepare_home
from config.recipes import load_recipe
from config.settings import Settings
from config.version import own_version
from daemon.clock import Clock, SystemClock
from daemon.inference.weights.sources import check_here, model_key
from daemon.intake.admitter import Admitter
from daemon.intake.device_numbers import update_device_numbers
from daemon.intake.filters import filters_of
from daemon.intake.loop import Intake
from daemon.intake.reconcile import Reconciler
from daemon.intake.rescan import WISH, Rescan
from daemon.intake.sweep import inbox_root
from daemon.intake.wakeup import Wakeup
from daemon.lock import HomeLock
from daemon.media.dataless import leave_in_the_cloud
from daemon.signals import StopNote, noted_signals
from daemon.supervision.crash_loop import ADVICE, CrashLoop
from daemon.supervision.database_health import DatabaseHealth
from daemon.supervision.model_status import ModelStatus
from daemon.supervision.supervisor import Supervisor, Work, begin_work
from storage.atomic import sweep_temporaries
from storage.db.database import Database, open_database
from storage.errors import StorageError
from storage.jobs.store import JobStore
from storage.library import Library
from storage.lifecycle import JobState

#: With --once the end is to be seen soon; and where the database is in trouble, its end.
TICK_SECONDS = 0.25
INTAKE_STOP_SECONDS = 2.0
#: With --once, a job that may not be tried again for longer than this is left for another run.
ONCE_PATIENCE = timedelta(seconds=60)


class Observer(Protocol):
    """Called in the main thread. Must not block, and raises nothing."""

    def after_step(self, library: Library) -> None:
        """A step of the main loop has ended: several a second while there is work, one in two seconds while not."""

    def stopping(self) -> None:
        """The run was asked to stop; the files in hand are finished or released."""


def run(
    settings: Settings,
    *,
    once: bool = False,
    stop: threading.Event | None = None,
    launched_by: str = "terminal",
    work: Work = begin_work,
    observer: Observer | None = None,
) -> int:
    """Watch, describe and deliver until a signal or `stop`; with `once`, until the inbox is done. The exit code.

    Raises AlreadyRunningError when another daemon holds the home, StorageError when the database cannot be used,
    and with `once` ModelUnavailableError when jobs wait for a model that is not there.
    """
    prepare_home(settings)
    leave_in_the_cloud()
    with (
        HomeLock(settings.lock_file) as lock,
        noted_signals() as note,
        closing(open_database(settings.database_place, keep_free=settings.work.keep_free_bytes)) as database,
    ):
        database.keep_others_out()
        clock = SystemClock()
        trouble = DatabaseHealth(database, clock, lock.note)
        return Daemon(settings, database, trouble, clock, note, stop or threading.Event(), launched_by, work).run(
            once, observer
        )


class Daemon:
    """One run of the daemon over an open database, with the lock held."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        trouble: DatabaseHealth,
        clock: Clock,
        note: StopNote,
        stop: threading.Event,
        launched_by: str,
        work: Work,
    ) -> None:
        self._settings = settings
        self._trouble = trouble
        self._clock = clock
        self._note = note
        self._stop = stop
        self._launched_by = launched_by
        self._started = clock.now()
        self._is_clean = False
        self._root = inbox_root(settings)
        self._filters = filters_of(settings, self._root)
        self._store = JobStore(database, clock.now)
        self._crashes = CrashLoop(self._store, self._started)
        self._library = Library(database)
        self._wish = self._store.state(WISH)  # an old one: all is listed at the start in any case
        self._wakeup = Wakeup(clock)
        self._intake = self._make_intake()
        self._model_status = self._make_model_status()
        self._supervisor = Supervisor(
            settings,
            self._store,
            clock,
            note,
            launched_by=launched_by,
            sight=self._intake.look_again,
            work=work,
            model_status=self._model_status,
        )

    def run(self, once: bool, observer: Observer | None) -> int:
        self._recover()
        if (reason := self._crashes.start()) is not None and not once:
            self._rest(reason)
        self._say("running")
        intake = threading.Thread(target=self._intake.run, name="intake", daemon=True)
        intake.start()
        try:
            code = self._main_loop(once, observer)
            self._is_clean = True
            return code
        except SmolwatchError:
            self._is_clean = True
            raise
        finally:
            self._wakeup.stop()
            self._wind_down()
            intake.join(INTAKE_STOP_SECONDS)
            logger.info("smolwatch stopped")

    def _main_loop(self, once: bool, observer: Observer | None) -> int:
        end = Once(self._library, self._started) if once else None
        while not (self._note.asked or self._stop.is_set()):
            try:
                self._supervisor.tick(math.inf if end is None else TICK_SECONDS)
                self._hear_wishes()
                self._trouble.look()
                if observer:
                    observer.after_step(self._library)
                if end is not None and self._intake.is_idle and (code := end.code(self._clock.now())) is not None:
                    return code
            except StorageError as error:
                self._trouble.meet(error)
                self._supervisor.excuse()
                self._stop.wait(TICK_SECONDS)
        if observer:
            observer.stopping()
        return 0

    def _rest(self, reason: str) -> None:
        """Safe mode: files are queued, but what may be the end of us once more is not begun."""
        logger.error("Safe mode: {}", reason)
        self._supervisor.rest()
        self._store.set_state("engine", {"state": "safe mode", "reason": reason, "advice": ADVICE})

    def _hear_wishes(self) -> None:
        """Somebody may have said `smolwatch rescan`."""
        wish = self._store.state(WISH)
        if wish is not None and wish != self._wish:
            self._wish = wish
            self._intake.look_at_all(Rescan.wished(wish))

    def _wind_down(self) -> None:
        try:
            self._supervisor.stop()
            self._say("stopped")
            if self._is_clean:
                self._crashes.end_cleanly()
        except StorageError as error:
            logger.warning("The end of this run cannot be written down; the next start puts it right: {}", error)

    def _recover(self) -> None:
        """With the lock held, no worker lives: what the last daemon left under way is taken back."""
        taken = self._store.abandon_all("The daemon was restarted.")
        if taken:
            logger.info("{} jobs of the last run were taken back", taken)
        sweep_temporaries(Path(os.fsdecode(self._root)), self._is_entered)
        sweep_temporaries(self._settings.sidecar_folder)
        update_device_numbers(self._store, self._root)
        self._model_status.look()

    def _is_entered(self, folder: bytes) -> bool:
        return self._filters.of_entry(folder, is_folder=True) is None

    def _make_intake(self) -> Intake:
        gate = Admitter(
            self._store,
            self._library,
            self._clock,
            model=model_key(self._settings),
            recipe=load_recipe(self._settings.recipe).digest,
            max_attempts=self._settings.work.max_attempts,
            max_bytes=self._settings.work.max_file_bytes,
            mirror=self._settings.sidecar_folder,
            existing=self._settings.output.existing,
        )
        return Intake(
            self._settings.inbox,
            self._root,
            self._filters,
            gate,
            Reconciler(self._settings, self._root, self._store, self._library, self._clock),
            self._clock,
            wakeup=self._wakeup,
            queued=self._note.nudge,
            report=self._report_intake,
            trouble=self._trouble.meet,
        )

    def _make_model_status(self) -> ModelStatus:
        return ModelStatus(
            lambda: check_here(self._settings),
            lambda state: self._store.set_state("engine", state),
            self._clock,
            model=model_key(self._settings).rpartition("@")[0],
        )

    def _report_intake(self, state: dict[str, object]) -> None:
        try:
            self._store.set_state("intake", state)
        except StorageError as error:
            self._trouble.meet(error)
            raise

    def _say(self, state: str) -> None:
        self._store.set_state(
            "daemon",
            {
                "state": state,
                "pid": os.getpid(),
                "started_at": self._started.isoformat(),
                "launched_by": self._launched_by,
                "home": str(self._settings.home),
                "inbox": str(self._settings.inbox_path),
                "smolwatch": own_version(),
            },
        )


class Once:
    """When a run with --once is over, and how it ended."""

    def __init__(self, library: Library, started: datetime) -> None:
        self._library = library
        self._started = started
        self._before: int | None = None

    def code(self, now: datetime) -> int | None:
        """0: all is described; 1: something failed, or is put off for long; None: work goes on.

        An end must be seen twice running: between two looks, a changed file passes from worker to intake.
        Raises ModelUnavailableError when jobs wait for a model that is not there.
        """
        before, self._before = self._before, self._look(now)
        return self._before if before == self._before else None

    def _look(self, now: datetime) -> int | None:
        counts = self._library.counts()
        live = counts[JobState.QUEUED] + counts[JobState.RUNNING] + counts[JobState.PUBLISHING]
        if not live:
            return 1 if self._library.count_failed(self._started) else 0
        if counts[JobState.RUNNING]:
            return None
        engine = self._library.state("engine") or {}
        if engine.get("state") == "unavailable" and counts[JobState.QUEUED]:
            raise ModelUnavailableError(str(engine["reason"]), advice=str(engine.get("advice", "")))
        return None if self._library.count_due(now + ONCE_PATIENCE) else 1
