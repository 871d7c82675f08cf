"""Keeps a worker while there is work: starts it, restarts it with a growing pause when it dies, stops it cleanly."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

import psutil
from loguru import logger

from config.settings import Settings
from daemon.clock import Clock
from daemon.episode import Episode, State, log_lines
from daemon.messages import MessageError, Order, PathReport, Stage, StageReport, decode_report, encode
from daemon.signals import StopNote
from daemon.supervision.hang_detector import HangDetector
from daemon.supervision.idle_policy import IdlePolicy
from daemon.supervision.lease_monitor import LeaseMonitor
from daemon.supervision.model_status import ModelStatus
from daemon.supervision.restart_backoff import LONGEST_PAUSE, RestartBackoff
from storage.jobs.store import JobStore

#: After its time to stop is over, what the worker gets for the release of its jobs, and then before each signal.
STOP_MARGIN = 1.0
#: What a worker that hangs gets between SIGTERM and SIGKILL.
HANG_GRACE = 3.0
KILL_PAUSE = 0.5
#: How a worker ended that was not needed any more.
LET_GO = "The worker ended: nothing was to be done."


#: What a worker process runs: `begin_work`, or in tests a worker that goes wrong on purpose.
Work = Callable[[Settings, Connection, str], None]


@dataclass
class Running:
    """One worker process. `speaks` ends when it closes its end of the pipe; `ended_for`: why we ended it.

    `has_answered`: it has described something. `is_called`: it was told that there is work, and has not begun yet.
    `is_let_go`: it was asked to end, since there is none.
    """

    process: SpawnProcess
    line: Connection
    since: float
    speaks: bool = True
    ended_for: str | None = None
    has_answered: bool = False
    stage: Stage = Stage.LOADING
    is_called: bool = False
    is_let_go: bool = False

    @property
    def is_at_work(self) -> bool:
        return self.stage is not Stage.IDLE or self.is_let_go


class Supervisor:
    """Owned by the main thread: `tick` again and again, `stop` at the end."""

    def __init__(
        self,
        settings: Settings,
        store: JobStore,
        clock: Clock,
        note: StopNote,
        *,
        launched_by: str,
        sight: Callable[[bytes], None],
        work: Work,
        model_status: ModelStatus,
    ) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._note = note
        self._launched_by = launched_by
        self._sight = sight
        self._work = work
        self._model_status = model_status
        self._idle_policy = IdlePolicy(settings.work.idle_minutes * 60, settings.work.lease_seconds)
        self._worker: Running | None = None
        self._backoff = RestartBackoff()
        self._stopping = False
        self._resting = False
        self._start_due = self._pause = 0.0
        self._death: str | None = None
        self._dying = Episode(calm=0)
        self._silence = LeaseMonitor(settings.work.lease_seconds, clock)
        self._stall = HangDetector(settings.work.stall_seconds, clock)

    def tick(self, longest: float) -> None:
        """Wait until something happens or the worker is to be seen to, that long at most, and see to it.

        Raises StorageError: tick again later.
        """
        self._wait(min(longest, self._pause))
        if self._worker is not None and not self._worker.process.is_alive():
            self._bury(self._worker)
        self._end_hung()
        if self._death is not None:
            self._take_back(self._death)
        self._pause = self._idle_policy.look_again(self._see_to_work())
        self._reap()

    def rest(self) -> None:
        """Start no worker."""
        self._resting = True

    def excuse(self) -> None:
        """The database took no heartbeats: nobody's silence counts until a lease has gone by.

        A worker that was stopped (SIGSTOP) in the middle of a write holds the database itself, until it is ended.
        """
        self._silence.excuse()
        if self._worker is not None and is_stopped(self._worker.process):
            logger.warning("The worker was stopped, and the database may be in its hands: it is ended")
            self._worker.process.kill()

    def stop(self) -> None:
        """Let the worker finish or release what it has in hand; kill it only when it does neither."""
        self._stopping = True
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
        self._bury(worker)
        if self._death is not None:
            self._take_back(self._death)

    def _see_to_work(self) -> bool:
        """Start a worker when there is something to do, and let it go when there was nothing for long.

        Whether anything is under way that may need us soon.
        """
        worker, now = self._worker, self._clock.monotonic()
        if worker is None:
            if self._resting:
                return False
            has_work = self._store.pending.has_any()
            self._idle_policy.note(has_work, now)
            if not has_work:
                self._model_status.look()
            elif now >= self._start_due:
                self._start()
            return has_work
        if worker.is_at_work:
            self._idle_policy.note(True, now)
            return True
        has_work = self._store.pending.has_any()
        self._idle_policy.note(has_work, now)
        if has_work and not worker.is_called:  # once: nobody empties the pipe of a worker that was stopped (SIGSTOP)
            self._send(Order.WAKE)
        worker.is_called = has_work
        if self._idle_policy.may_end(now):
            worker.is_let_go = True
            self._send(Order.STOP)
        return worker.is_let_go

    def _start(self) -> None:
        self._model_status.end()
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(
            target=self._work, args=(self._settings, theirs, self._launched_by), name="smolwatch-worker"
        )
        process.start()
        theirs.close()  # so that the worker's death ends the pipe
        self._worker = Running(process, ours, self._clock.monotonic())
        self._stall.hear(Stage.LOADING)
        logger.log("DEBUG" if self._backoff.is_at_limit else "INFO", "Worker {} started", process.pid)

    def _wait(self, seconds: float) -> None:
        sources: list[Connection | int] = [self._note.wake]
        if self._worker is not None:
            sources.append(self._worker.process.sentinel)
            if self._worker.speaks:
                sources.append(self._worker.line)
        if self._note.wake in wait(sources, seconds):
            self._note.take()
        if self._worker is not None:
            self._receive(self._worker)

    def _receive(self, worker: Running) -> None:
        try:
            while worker.speaks and worker.line.poll():
                self._handle(worker, worker.line.recv_bytes())
        except (EOFError, OSError):
            worker.speaks = False

    def _handle(self, worker: Running, data: bytes) -> None:
        try:
            report = decode_report(data)
        except MessageError as error:
            logger.warning("Worker {} sent a message that is ignored: {}", worker.process.pid, error)
            return
        match report:
            case StageReport(stage):
                self._stall.hear(stage)
                worker.stage = stage
                worker.has_answered |= stage is Stage.ANSWERED
            case PathReport(path):
                self._sight(path)

    def _send(self, order: Order) -> None:
        if self._worker is not None:
            try:
                self._worker.line.send_bytes(encode(order))
            except OSError:
                logger.debug("The worker ended before it received the order {}", order)

    def _bury(self, worker: Running) -> None:
        worker.process.join()
        self._receive(worker)
        worker.line.close()
        self._worker = None
        lived = self._clock.monotonic() - worker.since
        code = worker.process.exitcode or 0
        if code == 0 and self._stopping:
            logger.info("Worker {} stopped", worker.process.pid)
            return
        if code == 0 and worker.is_let_go:
            logger.info("Worker {} ended: nothing waits for the model", worker.process.pid)
            self._death = LET_GO
            return
        pause = self._backoff.after_life_of(lived, has_answered=worker.has_answered)
        self._start_due = self._clock.monotonic() + pause
        self._death = worker.ended_for or death_of(code)
        words = f"{self._death} It lived {lived:.0f} s; the next one starts in {pause:.0f} s."
        if pause < LONGEST_PAUSE:
            logger.warning("{}", words)
            log_lines(self._dying.off(self._clock.monotonic()))
        else:  # from here on the same happens every minute
            log_lines(self._dying.on(State("dies", words), self._clock.monotonic()))

    def _take_back(self, death: str) -> None:
        """Its jobs at once, without waiting for their leases: this is the only worker."""
        self._store.abandon_all(death)
        if death is not LET_GO:
            self._store.set_state("engine", {"state": "restarting", "reason": death})
        self._death = None

    def _end_hung(self) -> None:
        """The model hangs, and its C code may be deaf to SIGTERM."""
        if self._worker is None or (seconds := self._stall.overdue()) is None:
            return
        self._worker.ended_for = f"The worker made no progress for {seconds:.0f} s, and was ended."
        self._stall.ended()
        process = self._worker.process
        process.terminate()
        process.join(HANG_GRACE)
        process.kill()
        self._bury(self._worker)

    def _reap(self) -> None:
        """A worker that does not beat is taken for dead, and made so."""
        if not self._silence.may_be_judged():
            return
        silent = self._store.reap()
        if silent and self._worker is not None:
            logger.warning("The worker was silent for too long; jobs {} were taken back", silent)
            self._worker.process.kill()


def begin_work(settings: Settings, line: Connection, launched_by: str) -> None:
    """The worker's first step. Imported here: the daemon itself never loads what only the worker needs."""
    from daemon.worker import run_worker

    run_worker(settings, line, launched_by)


def is_stopped(process: SpawnProcess) -> bool:
    """Whether it was halted by a signal, so that it lives and does nothing."""
    try:
        return psutil.Process(process.pid).status() == psutil.STATUS_STOPPED
    except psutil.Error:
        return False


def death_of(code: int) -> str:
    """How a process ended, in words."""
    if code == 0:
        return "The worker is renewed: its memory had grown."
    if code >= 0:
        return f"The worker ended by itself with code {code}."
    hint = " (out of memory?)" if -code == signal.SIGKILL else ""
    return f"The worker was killed by signal {-code}{hint}."
