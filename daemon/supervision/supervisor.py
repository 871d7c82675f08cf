"""Keeps a worker while there is work: starts it, restarts it with a growing back-off when it dies, stops it cleanly."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection, wait

from loguru import logger

from config.recipes import Recipe
from config.settings import Settings
from daemon.clock import Clock
from daemon.daemon_run import DaemonRun
from daemon.episode import Episode, State, log_lines
from daemon.errors import EngineError
from daemon.messages import MessageError, Order, PathReport, Stage, StageReport, decode_report, encode
from daemon.signals import StopNote
from daemon.supervision.hang_detector import HangDetector
from daemon.supervision.idle_policy import IdlePolicy
from daemon.supervision.lease_monitor import LeaseMonitor
from daemon.supervision.model_choice import SERVE_SECONDS, Model, ModelChoice
from daemon.supervision.model_status import ModelStatus
from daemon.supervision.restart_backoff import MAX_PAUSE, RestartBackoff
from daemon.supervision.worker_process import WorkerProcess, end_reason_of, is_suspended
from storage.commands.ask_inbox import AskInbox
from storage.commands.requests import Answer
from storage.jobs.store import JobStore

#: After `work.stop_seconds`, the worker's time for releasing its jobs, and then before each signal.
STOP_MARGIN = 1.0
#: A hung worker's time between SIGTERM and SIGKILL.
HANG_GRACE = 3.0
KILL_PAUSE = 0.5
#: Why a worker was ordered to stop, while the daemon goes on.
IDLE_END = "The worker ended: nothing waits for the model."
MODEL_END = "The worker ended: files wait for another model."
#: The answer to a question during which the worker ended twice; the advice is the reason of the second end.
ASK_FAILED = "The model's process ended twice while it answered the question."
#: Before all files.
ASK_PRIORITY = -1

#: What a worker process runs: `begin_work`, or in tests a worker with faults.
Work = Callable[[Mapping[str, Recipe], Settings, Connection, DaemonRun, Model], None]
#: The same with the daemon's recipes.
WorkWithRecipes = Callable[[Settings, Connection, DaemonRun, Model], None]


class Supervisor:
    """For the main thread: `tick` repeatedly, `stop` at the end. `report_path` has the intake check a path again."""

    def __init__(  # noqa: PLR0913 - the parts that it works with
        self,
        settings: Settings,
        store: JobStore,
        asks: AskInbox,
        clock: Clock,
        note: StopNote,
        *,
        daemon_run: DaemonRun,
        report_path: Callable[[bytes], None],
        work: WorkWithRecipes,
        model_status: ModelStatus,
    ) -> None:
        self._settings = settings
        self._store = store
        self._asks = asks
        self._clock = clock
        self._note = note
        self._daemon_run = daemon_run
        self._report_path = report_path
        self._work = work
        self._model_status = model_status
        self._model_choice = ModelChoice()
        self._idle_policy = IdlePolicy(settings.work.idle_minutes * 60, settings.work.lease_seconds)
        self._worker: WorkerProcess | None = None
        self._backoff = RestartBackoff()
        self._is_stopping = False
        self._is_safe_mode = False
        self._start_due = self._pause = 0.0
        self._end_reason: str | None = None
        self._dying = Episode(calm=0)
        self._lease_monitor = LeaseMonitor(settings.work.lease_seconds, clock)
        self._hang_detector = HangDetector(settings.work.stall_seconds, clock)

    def tick(self, longest: float) -> None:
        """Wait for an event or the next check, at most that long, and handle it.

        Raises StorageError: tick again later.
        """
        self._wait(min(longest, self._pause))
        if self._worker is not None and not self._worker.process.is_alive():
            self._handle_end(self._worker)
        self._kill_hung()
        if self._end_reason is not None:
            self._requeue(self._end_reason)
        self._pause = self._idle_policy.next_check(self._start_or_end_worker())
        self._reap()

    def enter_safe_mode(self) -> None:
        """Start no worker."""
        self._is_safe_mode = True

    def handle_database_failure(self) -> None:
        """The database took no heartbeats: every worker gets one full lease.

        A worker that was suspended (SIGSTOP) during a write locks the database until it is killed.
        """
        self._lease_monitor.grant_full_lease()
        if self._worker is not None and is_suspended(self._worker.process):
            logger.warning("The worker is suspended and may lock the database; it is killed")
            self._worker.process.kill()

    def stop(self) -> None:
        """Let the worker finish or release its jobs; kill it only when it does neither."""
        self._is_stopping = True
        worker = self._worker
        if worker is None:
            return
        self._send(Order.STOP)
        until = self._clock.monotonic() + self._settings.work.stop_seconds + STOP_MARGIN
        while worker.process.is_alive() and self._clock.monotonic() < until and not self._note.urgent:
            self._wait(0.25)
        if self._note.urgent:
            self._send(Order.STOP_NOW)
            worker.process.join(STOP_MARGIN)
        for kill in (worker.process.terminate, worker.process.kill):
            if worker.process.is_alive():
                kill()
                worker.process.join(KILL_PAUSE)
        self._handle_end(worker)
        if self._end_reason is not None:
            self._requeue(self._end_reason)

    def _start_or_end_worker(self) -> bool:
        """Start a worker when there is work, and end an idle one. True while something may need us soon."""
        worker, now = self._worker, self._clock.monotonic()
        if worker is None:
            if self._is_safe_mode:
                return False
            has_work = self._has_work()
            self._idle_policy.record(has_work, now)
            if not has_work:
                self._model_status.check()
            elif now >= self._start_due:
                self._start(self._model_choice.first(self._waiting()))
            return has_work
        if worker.end_note is None and self._is_replaced(worker, now):
            self._end(worker, MODEL_END)
        if worker.end_note is not None or not worker.is_idle:
            self._idle_policy.record(True, now)
            return True
        has_work = self._has_work()
        self._idle_policy.record(has_work, now)
        if has_work and not worker.is_woken:  # once: a suspended worker (SIGSTOP) does not empty its pipe
            self._send(Order.WAKE)
        worker.is_woken = has_work
        if self._idle_policy.may_end(now):
            self._end(worker, IDLE_END)
            return True
        return False

    def _waiting(self) -> dict[Model, int]:
        """The models for which something waits, each with its best priority. Questions are for the settings' model."""
        asked = {None: ASK_PRIORITY} if self._asks.waiting(self._daemon_run.id) else {}
        return self._store.pending.models() | asked

    def _has_work(self) -> bool:
        return self._store.pending.has_any() or bool(self._asks.waiting(self._daemon_run.id))

    def _is_replaced(self, worker: WorkerProcess, now: float) -> bool:
        """Whether one with another model is to run instead."""
        seconds = now - worker.started
        if not worker.is_idle and seconds < SERVE_SECONDS:
            return False
        if worker.stage is Stage.BLOCKED:
            self._model_choice.record_failure(worker.model)
        return self._model_choice.is_replaced(worker.model, self._waiting(), is_idle=worker.is_idle, seconds=seconds)

    def _end(self, worker: WorkerProcess, note: str) -> None:
        worker.end_note = note
        self._send(Order.STOP)

    def _start(self, model: Model) -> None:
        self._model_status.reset()
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(
            target=self._work, args=(self._settings, theirs, self._daemon_run, model), name="smolwatch-worker"
        )
        process.start()
        theirs.close()  # so that the worker's death ends the pipe
        self._worker = WorkerProcess(process, ours, self._clock.monotonic(), model)
        self._hang_detector.record(Stage.LOADING)
        logger.log("DEBUG" if self._backoff.is_at_limit else "INFO", "Worker {} started", process.pid)

    def _wait(self, seconds: float) -> None:
        sources: list[Connection | int] = [self._note.wake]
        if self._worker is not None:
            sources.append(self._worker.process.sentinel)
            if self._worker.is_connected:
                sources.append(self._worker.pipe)
        if self._note.wake in wait(sources, seconds):
            self._note.clear()
        if self._worker is not None:
            self._receive(self._worker)

    def _receive(self, worker: WorkerProcess) -> None:
        try:
            while worker.is_connected and worker.pipe.poll():
                self._handle_message(worker, worker.pipe.recv_bytes())
        except (EOFError, OSError):
            worker.is_connected = False

    def _handle_message(self, worker: WorkerProcess, data: bytes) -> None:
        try:
            report = decode_report(data)
        except MessageError as error:
            logger.warning("Worker {} sent a message that is ignored: {}", worker.process.pid, error)
            return
        match report:
            case StageReport(stage):
                self._hang_detector.record(stage)
                worker.stage = stage
                worker.has_answered |= stage is Stage.ANSWERED
                if stage is Stage.ANSWERED:
                    self._model_choice.record_answer(worker.model)
            case PathReport(path):
                self._report_path(path)

    def _send(self, order: Order) -> None:
        if self._worker is not None:
            try:
                self._worker.pipe.send_bytes(encode(order))
            except OSError:
                logger.debug("The worker ended before it received the order {}", order)

    def _handle_end(self, worker: WorkerProcess) -> None:
        worker.process.join()
        self._receive(worker)
        worker.pipe.close()
        self._worker = None
        lifetime = self._clock.monotonic() - worker.started
        code = worker.process.exitcode or 0
        if code == 0 and self._is_stopping:
            logger.info("Worker {} stopped", worker.process.pid)
            return
        if code == 0 and worker.end_note is not None:
            logger.info("Process {}: {}", worker.process.pid, worker.end_note)
            self._end_reason = worker.end_note
            return
        if not worker.has_answered:
            self._model_choice.record_failure(worker.model)
        pause = self._backoff.pause_after(lifetime, has_answered=worker.has_answered)
        self._start_due = self._clock.monotonic() + pause
        self._end_reason = worker.kill_reason or end_reason_of(code)
        text = f"{self._end_reason} It ran for {lifetime:.0f} s; the next one starts in {pause:.0f} s."
        if pause < MAX_PAUSE:
            logger.warning("{}", text)
            log_lines(self._dying.off(self._clock.monotonic()))
        else:  # from here on the same happens every minute
            log_lines(self._dying.on(State("dies", text), self._clock.monotonic()))

    def _requeue(self, reason: str) -> None:
        """Requeue its jobs at once, without waiting for their leases: this is the only worker."""
        self._store.abandon_all(reason)
        self._asks.retry_all(self._daemon_run.id, Answer.of_error(EngineError(ASK_FAILED, advice=reason)))
        if reason not in (IDLE_END, MODEL_END):
            self._model_status.worker_died(reason)
        self._end_reason = None

    def _kill_hung(self) -> None:
        """SIGTERM, then SIGKILL: the model's C code may ignore SIGTERM."""
        if self._worker is None or (seconds := self._hang_detector.hung_seconds()) is None:
            return
        self._worker.kill_reason = f"The worker made no progress for {seconds:.0f} s, and was killed."
        self._hang_detector.record_kill()
        process = self._worker.process
        process.terminate()
        process.join(HANG_GRACE)
        process.kill()
        self._handle_end(self._worker)

    def _reap(self) -> None:
        """Requeue jobs whose lease has expired, and kill their worker."""
        if not self._lease_monitor.is_due():
            return
        expired = self._store.reap()
        if expired and self._worker is not None:
            logger.warning("The leases of jobs {} expired without a heartbeat; the worker is killed", expired)
            self._worker.process.kill()


def begin_work(
    recipes: Mapping[str, Recipe], settings: Settings, pipe: Connection, daemon_run: DaemonRun, model: Model
) -> None:
    """Runs in the worker process. Imported here: the daemon itself never loads what only the worker needs."""
    from daemon.worker import run_worker

    run_worker(recipes, settings, pipe, daemon_run, model)
