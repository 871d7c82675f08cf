"""The composition root: joins lock, database, intake and supervisor, and runs them until a stop."""

from __future__ import annotations

import math
import os
import threading
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Protocol

from loguru import logger

from config.errors import SmolwatchError
from config.load import prepare_home
from config.recipes import load_recipes
from config.settings import Settings
from config.version import own_version
from daemon.clock import Clock, SystemClock
from daemon.command_runner import CommandRunner
from daemon.daemon_run import DaemonRun
from daemon.inference.registry import check_weights, model_key
from daemon.intake.admitter import Admitter
from daemon.intake.device_numbers import update_device_numbers
from daemon.intake.inbox_path import check_inboxes
from daemon.intake.intakes import Intakes
from daemon.intake.loop import Intake
from daemon.intake.reconcile import Reconciler
from daemon.intake.rescan import AnswerRescan
from daemon.intake.wakeup import Wakeup
from daemon.intake.watched_inboxes import WatchedInbox, inboxes_of
from daemon.lock import HomeLock
from daemon.media.dataless import forbid_downloads
from daemon.once_run import OnceRun
from daemon.signals import StopNote, noted_signals
from daemon.supervision.crash_loop import ADVICE, CrashLoop
from daemon.supervision.database_health import DatabaseHealth
from daemon.supervision.model_status import ModelStatus
from daemon.supervision.supervisor import Supervisor, Work, begin_work
from storage.atomic import remove_temporaries
from storage.commands.ask_inbox import AskInbox
from storage.commands.command_inbox import CommandInbox
from storage.db.database import Database, open_database
from storage.errors import StorageError
from storage.jobs.store import JobStore
from storage.library import Library
from storage.sidecars.writer import make_output_folder
from storage.status.board import StatusBoard
from storage.status.inbox_values import IntakeStatus
from storage.status.values import DaemonStatus, EngineStatus

#: The main loop's period with --once, and while the database is unavailable.
TICK_SECONDS = 0.25
INTAKE_STOP_SECONDS = 2.0


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
    """Watch, describe and deliver until a signal or `stop`; with `once`, until the inbox is done: the exit code.

    Raises ConfigError for what cannot be an inbox, AlreadyRunningError when another daemon holds the home, StorageError
    when the database cannot be used, and with `once` ModelUnavailableError when jobs wait for a missing model, and
    PausedError while work is paused.
    """
    check_inboxes(settings)
    prepare_home(settings)
    forbid_downloads()
    with (
        noted_signals() as note,  # before the lock: whoever sees the lock held may send SIGTERM
        HomeLock(settings.lock_file) as lock,
        closing(open_database(settings.database_place, keep_free=settings.work.keep_free_bytes)) as database,
    ):
        database.hold_daemon_lock()
        clock = SystemClock()
        health = DatabaseHealth(database, clock, lock.note)
        daemon_run = DaemonRun(id=lock.run, launched_by=launched_by)
        parts = (settings, database, health, clock, note, stop or threading.Event(), daemon_run, work)
        return Daemon(*parts).run(once, observer)


class Daemon:
    """One run of the daemon over an open database, with the lock held."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        database_health: DatabaseHealth,
        clock: Clock,
        note: StopNote,
        stop: threading.Event,
        daemon_run: DaemonRun,
        work: Work,
    ) -> None:
        self._settings = settings
        self._recipes = load_recipes(settings.home)
        self._database_health = database_health
        self._clock = clock
        self._note = note
        self._stop = stop
        self._daemon_run = daemon_run
        self._started = clock.now()
        self._is_clean = False
        self._inboxes = inboxes_of(settings)
        self._inboxes.check_recipes(self._recipes)
        self._store = JobStore(database, clock.now)
        self._board = StatusBoard(database, daemon_run.id)
        self._crash_loop = CrashLoop(self._board, self._started)
        self._library = Library(database)
        self._command_inbox = CommandInbox(database, clock.now)
        self._intakes = Intakes(self._inboxes, self._make_intake, self._command_inbox.answer, clock)
        self._command_runner = CommandRunner(
            self._command_inbox, daemon_run.id, rescan=self._intakes.rescan, wake=note.nudge
        )
        self._model_status = self._make_model_status()
        self._supervisor = Supervisor(
            settings,
            self._store,
            AskInbox(database, clock.now),
            clock,
            note,
            daemon_run=daemon_run,
            report_path=self._intakes.recheck,
            work=partial(work, self._recipes),
            model_status=self._model_status,
        )

    def run(self, once: bool, observer: Observer | None) -> int:
        self._recover()
        if (reason := self._crash_loop.record_start()) is not None and not once:
            self._enter_safe_mode(reason)
        self._store_state("running")
        self._intakes.start()
        try:
            code = self._main_loop(once, observer)
            self._is_clean = True
            return code
        except SmolwatchError:
            self._is_clean = True
            raise
        finally:
            self._intakes.stop()
            self._stop_worker()
            self._intakes.join(INTAKE_STOP_SECONDS)
            logger.info("smolwatch stopped")

    def _main_loop(self, once: bool, observer: Observer | None) -> int:
        end = OnceRun(self._library, self._started) if once else None
        while not (self._note.stop_requested or self._stop.is_set()):
            try:
                self._supervisor.tick(math.inf if end is None else TICK_SECONDS)
                self._command_runner.run_waiting()
                self._database_health.check()
                if observer:
                    observer.after_step(self._library)
                if end is not None and self._intakes.is_idle and (code := end.code(self._clock.now())) is not None:
                    return code
            except StorageError as error:
                self._database_health.record(error)
                self._supervisor.handle_database_failure()
                self._stop.wait(TICK_SECONDS)
        if observer:
            observer.stopping()
        return 0

    def _enter_safe_mode(self, reason: str) -> None:
        """Files are queued, but none is described: that may be what crashes the daemon."""
        logger.error("Safe mode: {}", reason)
        self._supervisor.enter_safe_mode()
        self._board.post(EngineStatus(state="safe mode", reason=reason, advice=ADVICE))

    def _stop_worker(self) -> None:
        try:
            self._command_runner.end()  # first: the files in hand may take a while
            self._supervisor.stop()
            self._store_state("stopped")
            if self._is_clean:
                self._crash_loop.record_clean_end()
        except StorageError as error:
            logger.warning("The end of this run could not be stored; the next start corrects that: {}", error)

    def _recover(self) -> None:
        """With the lock held, no worker lives: the jobs that the last daemon left running are requeued."""
        requeued = self._store.abandon_all("The daemon was restarted.")
        if requeued:
            logger.info("{} running jobs of the last run were requeued", requeued)
        for inbox in self._inboxes:
            remove_temporaries(Path(os.fsdecode(inbox.root)), partial(is_entered, inbox))
            if (output := inbox.places.output) is not None:
                with suppress(OSError):  # without it, sidecars wait: its disk may not be mounted
                    make_output_folder(output, output, set())
                remove_temporaries(Path(os.fsdecode(output)))
        remove_temporaries(self._settings.sidecar_folder)
        update_device_numbers(self._store, self._board, self._inboxes)
        self._command_runner.begin()
        self._store.follow_inboxes({inbox.name: inbox.root for inbox in self._inboxes})
        if changed := self._store.follow_recipes(partial(self._inboxes.spec_of, self._recipes)):
            logger.info("{} waiting files get the recipe that the settings name now", changed)
        self._model_status.check()

    def _make_intake(self, inbox: WatchedInbox, wakeup: Wakeup, answer_rescan: AnswerRescan) -> Intake:
        admitter = Admitter(
            self._store,
            self._library,
            self._clock,
            spec_of=partial(inbox.spec_of, self._recipes),
            model=model_key(self._settings),
            max_attempts=self._settings.work.max_attempts,
            max_bytes=self._settings.work.max_file_bytes,
            mirror=self._settings.sidecar_folder,
            existing=self._settings.output.existing,
            places_of=self._inboxes.places_of,
            has_charge=partial(self._inboxes.has_charge, inbox),
        )
        return Intake(
            inbox,
            admitter,
            Reconciler(self._settings, inbox, self._store, self._library, self._clock),
            self._clock,
            wakeup=wakeup,
            on_queued=self._note.nudge,
            report=self._report_intake,
            answer_rescan=answer_rescan,
            on_storage_error=self._database_health.record,
        )

    def _make_model_status(self) -> ModelStatus:
        return ModelStatus(
            lambda: check_weights(self._settings),
            self._board.post,
            self._clock,
            model=model_key(self._settings).rpartition("@")[0],
        )

    def _report_intake(self, status: IntakeStatus) -> None:
        try:
            self._board.post(status)
        except StorageError as error:
            self._database_health.record(error)
            raise

    def _store_state(self, state: str) -> None:
        self._board.post(
            DaemonStatus(
                state=state,
                pid=os.getpid(),
                started_at=self._started,
                launched_by=self._daemon_run.launched_by,
                home=str(self._settings.home),
                inbox=str(self._settings.inbox_path),
                inboxes={inbox.name: str(inbox.settings.path) for inbox in self._inboxes},
                smolwatch=own_version(),
            )
        )


def is_entered(inbox: WatchedInbox, folder: bytes) -> bool:
    return inbox.filters.reject_entry(folder, is_folder=True) is None
