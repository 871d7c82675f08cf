"""The worker's main loop: claim, open, describe, deliver. Every failure is handled as its own job's outcome.

Questions of people are answered in between (`daemon.worker.asks`), also while the jobs pause.

The prefetcher opens claimed files in the background; opened files go to the engine as soon as it has capacity, and the
descriptions to the delivery queue, which writes them in the background.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from loguru import logger

from config.failpoints import failpoint
from daemon.errors import EngineError, MediaError, NotAllowedError, PromptError
from daemon.inference.decode_plan import plan_for
from daemon.inference.engine import Reply
from daemon.intake.inbox_mount import InboxMounts
from daemon.messages import Stage
from daemon.power.throttle_policy import Pace
from daemon.worker.answer_cache import AnswerCache
from daemon.worker.control import Control
from daemon.worker.describe import Cost, describe, detail_of
from daemon.worker.describe_session import SessionResult
from daemon.worker.in_flight_jobs import InFlightJob, InFlightJobs, described
from daemon.worker.memory import PeakMemory
from daemon.worker.outcomes import Outcomes, check_finished
from daemon.worker.parts import WorkerParts
from daemon.worker.pause_check import PauseCheck
from daemon.worker.poison import PoisonDetector
from daemon.worker.prefetch import FILES_AHEAD, DecodeTask, Opened
from daemon.worker.questions import recipe_of
from storage.description import Description
from storage.errors import ClaimLostError, StorageError
from storage.lifecycle import Cause
from storage.records import Claim

UNEXPECTED = "Unexpected error; see the log for details."
MODEL_FAILED = "The model failed on the file."
IDLE_SECONDS = 0.25  #: between two looks for questions; the supervisor wakes it when a job is waiting
OPENING_SECONDS = 0.25
#: Jobs are claimed when there is capacity for so many: each claim makes the drive write.
CLAIM_BATCH = FILES_AHEAD - 2


class Worker:
    """Raises StorageError alone: a worker that cannot store what happened must end."""

    def __init__(self, parts: WorkerParts) -> None:
        self._settings = parts.settings.work
        self._inboxes = parts.inboxes
        self._mounts = InboxMounts(parts.inboxes)
        self._recipes = parts.recipes
        self._model = parts.model
        self._store = parts.store
        self._answer_cache = AnswerCache(parts.store, parts.recipes)
        self._engine_host = parts.engine_host
        self._prefetcher = parts.prefetcher
        self._deliveries = parts.deliveries
        self._heartbeat = parts.heartbeat
        self._stages = parts.stages
        self._throttle = parts.throttle
        self._asks = parts.asks
        self._pause = PauseCheck(parts.store.pending, parts.clock)
        self._memory_growth = parts.memory_growth
        self._peak_memory = PeakMemory()
        self._clock = parts.clock
        self._owner = parts.owner
        self._launched_by = parts.launched_by
        self._outcomes = Outcomes(parts.store, parts.heartbeat, parts.clock, self._mounts, parts.report_path)
        self._poison = PoisonDetector()
        self._opened: deque[Opened] = deque()
        self._in_flight = InFlightJobs(parts.engine_host)
        self._feature_report = parts.feature_report
        self._runs_alone = False

    def run(self, control: Control) -> None:
        """Until a stop, or until the memory has grown too much. Jobs in flight are delivered, all others released."""
        while not (control.is_stopping or self._memory_growth.is_exceeded()):
            began = self._clock.monotonic()
            has_worked = self.run_round()
            self._throttle.work(self._held > 0)
            rest = 0.0 if self._asks else self._throttle.rest(self._clock.monotonic() - began)
            control.wait(rest if has_worked else IDLE_SECONDS)
        self._release_waiting("Put back in the queue: the worker stops.")
        self._asks.release()
        while self._in_flight or self._asks.request_count:
            self._step()
        self._deliveries.drain()
        self._collect_refused()

    def run_round(self) -> bool:
        """One round; False when there was nothing to do."""
        self._collect_refused()
        self._feature_report.update()
        for lost in self._heartbeat.take_lost():
            logger.info("Job {} is no longer claimed by {}; its work is dropped", lost.job.id, lost.owner)
            self._prefetcher.cancel(lost.job.id)
        if len(self._prefetcher) and self._pause.is_paused():
            self._release_waiting("Put back in the queue: work is paused.")
        has_asks = self._asks.has_any()
        if self._undescribed or has_asks or not self._held:  # else only the delivery thread works, and reports itself
            self._stages.report(Stage.WORKING if self._undescribed or has_asks else Stage.IDLE)
        if not (self._held or has_asks or self._store.pending.has_file(self._model)):
            self._engine_host.idle()
            return False
        is_paused = self._throttle.pace() is Pace.PAUSED
        if is_paused and not (self._held or has_asks):
            return False
        if not self._engine_host.open():
            self._asks.refuse_without_model()
            self._stages.report(Stage.BLOCKED)
            return False
        self._asks.take(may_join=not (self._runs_alone and self._held), is_free=not self._undescribed)
        if not ((not is_paused and self._claim()) or self._held or self._asks):
            return False
        if not (self._in_flight or self._asks.request_count):
            busy = self._asks or (self._prefetcher if self._undescribed else self._deliveries)
            busy.wait(OPENING_SECONDS)
        self._submit()
        self._step()
        self._prefetcher.keep([claim.job.id for claim in self._in_flight.claims()])
        self._collect_refused()
        return True

    @property
    def _undescribed(self) -> int:
        """How many held jobs are not described yet."""
        return len(self._prefetcher) + len(self._in_flight)

    @property
    def _held(self) -> int:
        return self._undescribed + len(self._deliveries)

    def _collect_refused(self) -> None:
        self._deliveries.check()
        for claim, error in self._deliveries.take_refused():
            with self._failures_of(claim):
                raise error

    def _claim(self) -> bool:
        """Keep the prefetcher busy; True when anything was claimed.

        A job that was tried before runs alone: if it kills the worker, no other job is affected.
        """
        is_busy = bool(self._held or self._asks)
        self._runs_alone = self._runs_alone and is_busy
        most = FILES_AHEAD - len(self._prefetcher)
        missing, is_held_up = self._mounts.missing(), self._runs_alone or self._asks.runs_alone
        if is_held_up or most < CLAIM_BATCH or len(missing) == len(self._inboxes):
            return False
        claims = self._store.claim_all(
            self._owner,
            lease_seconds=self._settings.lease_seconds,
            most=most,
            model=self._model,
            missing_inboxes=missing,
        )
        self._runs_alone = any(claim.job.attempts > 1 for claim in claims)
        if self._runs_alone and is_busy:
            self._store.release(claims[0], "Tried before: waits to run alone.")
            return False
        for claim in claims:
            failpoint("claimed")
            self._prefetcher.cancel(claim.job.id)  # opened under an earlier claim, which was lost
            self._heartbeat.hold(claim)
        cached = self._answer_cache.cached_jobs(claims, self._engine_host.loaded_info())
        for claim in claims:
            self._begin(claim, is_cached=claim.job.id in cached)
        return bool(claims)

    def _begin(self, claim: Claim, *, is_cached: bool) -> None:
        """Deliver the cached description if there is one; else have the file opened."""
        began, queued = self._clock.monotonic(), (self._clock.now() - claim.job.queued_at).total_seconds()
        with self._failures_of(claim):
            if rejection := self._inboxes.reject(claim.job.path):  # queued under other filters
                raise NotAllowedError(rejection.reason)
            if not (is_cached and self._deliver_cached(claim)):
                info = self._engine_host.loaded_info()
                plan = plan_for(info, detail_of(claim.job, info), self._settings)
                self._prefetcher.add(DecodeTask(claim=claim, plan=plan, queued=max(0.0, queued), began=began))

    def _submit(self) -> None:
        """Submit opened files to the engine while it has capacity."""
        capacity = self._engine_host.rows - self._in_flight.request_count
        while len(self._opened) < capacity and (taken := self._prefetcher.take()) is not None:
            self._opened.append(taken[1])
        while self._opened:  # empty once the engine has failed
            opened = self._opened.popleft()
            with self._failures_of(opened.task.claim):
                self._submit_one(opened)

    def _submit_one(self, opened: Opened) -> None:
        """The cache is not read again: while a job runs, no other job of the same bytes is claimed, unless afresh."""
        clip, claim = opened.clip, opened.task.claim
        if not self._heartbeat.holds(claim):  # lost while its file was opened
            return
        if isinstance(clip, Exception):
            raise clip
        check_finished(claim.job.path, clip, self._clock.now())
        failpoint("opened")
        recipe = recipe_of(claim.job, self._recipes)
        self._in_flight.start(described(opened.task, clip, recipe, opened.seconds), clip)

    def _step(self) -> None:
        if not (self._in_flight or self._asks):
            return
        self._stages.report(Stage.WORKING)
        try:
            self._in_flight.cancel_lost(self._heartbeat.holds)
            self._asks.submit()
            for reply in self._engine_host.step():
                self._handle_reply(reply)
            self._asks.report()
        except EngineError as error:
            self._handle_engine_failure(error)

    def _handle_reply(self, reply: Reply) -> None:
        if self._asks.handle(reply):
            self._stages.report(Stage.ANSWERED)
            return
        job = self._in_flight.job_of(reply)
        if job is None or not self._heartbeat.holds(job.claim):
            return
        with self._failures_of(job.claim):
            if (result := self._in_flight.feed(job, reply)) is not None:
                self._deliver_result(job, result)

    def _deliver_result(self, job: InFlightJob, result: SessionResult) -> None:
        cost = Cost(
            queued=job.task.queued,
            decode=job.decode_seconds,
            total=self._clock.monotonic() - job.task.began,
            peak_memory_bytes=self._peak_memory.peak(),
            launched_by=self._launched_by,
            power=self._throttle.state.source,
        )
        failpoint("described")
        info, now, figures = self._engine_host.loaded_info(), self._clock.now(), result.figures
        self._memory_growth.record_answer(figures.device_memory_bytes, figures.cache_bytes)
        self._deliver(job.claim, describe(job.claim.job, job.media, result, info, job.recipe, cost, now, job.defects))
        self._stages.report(Stage.ANSWERED)

    def _deliver_cached(self, claim: Claim) -> bool:
        """Deliver this model's description of the same bytes under the same recipe, if there is one."""
        cached = self._answer_cache.description(claim, self._engine_host.loaded_info())
        if cached is not None:
            self._deliver(claim, cached)
        return cached is not None

    def _deliver(self, claim: Claim, description: Description) -> None:
        self._deliveries.put(claim, description)
        self._poison.record_answer(claim.job.id)

    @contextmanager
    def _failures_of(self, claim: Claim) -> Iterator[None]:
        """Any failure inside becomes the job's outcome."""
        try:
            yield
        except ClaimLostError as error:
            logger.warning("{}", error)
            self._heartbeat.drop(claim)
        except StorageError:
            raise
        except (MediaError, PromptError) as error:
            reason = f"{error} {error.advice}".strip()
            self._outcomes.handle_failure(claim, error.cause, error.code, reason, error.detail or None)
        except EngineError as error:
            self._handle_engine_failure(error, claim)
        except Exception as error:  # noqa: BLE001 - the job's own outcome
            logger.exception("Job {} {}: unexpected error", claim.job.id, claim.job.name)
            detail = f"{type(error).__name__}: {error}"
            self._outcomes.handle_failure(claim, Cause.TRANSIENT, "internal", UNEXPECTED, detail)

    def _handle_engine_failure(self, error: EngineError, claim: Claim | None = None) -> None:
        """The model's fault: all jobs in flight are released, none is charged, and the engine is loaded again.

        Questions are taken again, a limited number of times. Of the jobs, only a poison one is charged, so
        that a file on which every engine fails does not block the others for ever.
        """
        others = [other for other in self._in_flight.clear() if other is not claim]
        affected = [*([claim] if claim else []), *others]
        for failed in affected:
            cause = self._poison.record_failure(failed.job.id, failed.job.max_attempts)
            self._outcomes.handle_failure(failed, cause, error.code, MODEL_FAILED, str(error))
        self._asks.engine_failed(str(error))
        self._engine_host.fail(str(error))
        self._release_waiting("The model is being restarted.")

    def _release_waiting(self, note: str) -> None:
        """Release the jobs that were not submitted, uncharged."""
        tasks = [*(opened.task for opened in self._opened), *self._prefetcher.clear()]
        self._opened.clear()
        for task in tasks:
            self._store.release(task.claim, note)
            self._heartbeat.drop(task.claim)
