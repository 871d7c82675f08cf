"""The worker's story: claim, open, describe, deliver. Every failure is settled as its own job's outcome.

Claimed files go to the reader, which opens them meanwhile; opened ones go to the engine as soon as it has room, and
the descriptions to the delivery queue, which writes them meanwhile.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from loguru import logger

from config.failpoints import failpoint
from config.recipes import load_recipe
from config.settings import Settings
from daemon.clock import Clock
from daemon.errors import EngineError, MediaError, NotAllowedError
from daemon.inference.engine import EngineInfo, Reply
from daemon.intake.filters import filters_of
from daemon.intake.inbox_mount import InboxMount
from daemon.intake.sweep import inbox_root
from daemon.messages import Stage
from daemon.power.throttle import Throttle
from daemon.power.throttle_policy import Pace
from daemon.worker.answer_cache import AnswerCache
from daemon.worker.control import Control
from daemon.worker.decode_task import plan_for, request_for
from daemon.worker.delivery_queue import DeliveryQueue
from daemon.worker.describe import Cost, describe
from daemon.worker.engine_host import EngineHost
from daemon.worker.heartbeat import Heartbeat
from daemon.worker.loop_progress import LoopProgress
from daemon.worker.memory import PeakMemory
from daemon.worker.memory_growth import MemoryGrowth
from daemon.worker.outcomes import Outcomes, check_finished
from daemon.worker.poison import PoisonDetector
from daemon.worker.prefetch import Prefetcher
from daemon.worker.prefetch_window import FILES_AHEAD, DecodeTask, Opened, Work
from storage.errors import ClaimLostError, StorageError
from storage.jobs.store import JobStore
from storage.lifecycle import Cause
from storage.records import Claim, Description

UNFORESEEN = "Something unexpected went wrong with the file; the log says more."
MODEL_FAILED = "The model failed while it worked on the file."

IDLE_SECONDS = 1.0  #: the supervisor wakes it earlier when there is something to do
OPENING_SECONDS = 0.25
#: Claims wait until there is room for so many: each time, the drive must write.
CLAIMED_TOGETHER = FILES_AHEAD - 2


class Worker:
    """Raises StorageError alone: a worker that cannot write down what happened must not go on."""

    def __init__(
        self,
        settings: Settings,
        store: JobStore,
        room: EngineHost,
        reader: Prefetcher,
        deliveries: DeliveryQueue,
        pulse: Heartbeat,
        clock: Clock,
        *,
        owner: str,
        sight: Callable[[bytes], None],
        launched_by: str,
        courtesy: Throttle,
        progress: LoopProgress,
        growth: MemoryGrowth,
    ) -> None:
        self._settings = settings.work
        self._root = inbox_root(settings)
        self._inbox = InboxMount(self._root)
        self._filters = filters_of(settings, self._root)
        self._recipe = load_recipe(settings.recipe)
        self._store = store
        self._known = AnswerCache(store, self._recipe)
        self._room = room
        self._reader = reader
        self._deliveries = deliveries
        self._pulse = pulse
        self._clock = clock
        self._owner = owner
        self._outcomes = Outcomes(store, pulse, clock, self._inbox, sight)
        self._launched_by = launched_by
        self._courtesy = courtesy
        self._progress = progress
        self._growth = growth
        self._memory = PeakMemory()
        self._opened: deque[Opened] = deque()
        self._under_way: dict[str, Work] = {}
        self._one_alone = False
        self._blame = PoisonDetector()

    def run(self, control: Control) -> None:
        """Until told to stop, or to be renewed. What the engine has then is delivered; all else goes back."""
        while not (control.is_stopping or self._growth.is_too_much()):
            began = self._clock.monotonic()
            has_worked = self.turn()
            self._courtesy.work(self._in_hand > 0)
            control.wait(self._courtesy.rest(self._clock.monotonic() - began) if has_worked else IDLE_SECONDS)
        self._put_back("Put back in the queue: the worker stops.")
        while self._under_way:
            self._step()
        self._deliveries.drain()
        self._collect_refused()

    def turn(self) -> bool:
        """One round; False when there was nothing to do."""
        self._collect_refused()
        if self._asked_about or not self._in_hand:  # else only the delivery thread works, and reports it itself
            self._progress.say(Stage.WORKING if self._asked_about else Stage.IDLE)
        if not (self._in_hand or self._store.pending.has_file()):
            self._room.rest()
            return False
        is_paused = self._courtesy.pace() is Pace.PAUSED
        if (is_paused and not self._in_hand) or not self._room.open():
            return False
        claimed = not is_paused and self._claim()
        if not (claimed or self._in_hand):
            return False
        if not self._asked_about:
            self._deliveries.wait(OPENING_SECONDS)
        elif not self._under_way:
            self._reader.wait(OPENING_SECONDS)
        self._submit()
        self._step()
        self._reader.keep([work.errand.claim.job.id for work in self._under_way.values()])
        self._collect_refused()
        return True

    @property
    def _asked_about(self) -> int:
        """How many files are to be described still."""
        return len(self._reader) + len(self._under_way)

    @property
    def _in_hand(self) -> int:
        return self._asked_about + len(self._deliveries)

    def _collect_refused(self) -> None:
        self._deliveries.check()
        for claim, error in self._deliveries.take_refused():
            with self._settled(claim):
                raise error

    def _claim(self) -> bool:
        """Keep the reader busy; True when anything was claimed.

        A job that was tried before runs alone: should it be what kills the worker, it takes no other with it.
        """
        self._one_alone = self._one_alone and self._in_hand > 0
        most = FILES_AHEAD - len(self._reader)
        if self._one_alone or most < CLAIMED_TOGETHER or not self._inbox.is_there():
            return False
        claims = self._store.claim_all(self._owner, lease_seconds=self._settings.lease_seconds, most=most)
        self._one_alone = any(claim.job.attempts > 1 for claim in claims)
        if self._one_alone and self._in_hand:
            self._store.release(claims[0], "Tried before: waits to run alone.")
            return False
        for claim in claims:
            failpoint("claimed")
            self._pulse.hold(claim)
        known = self._known.among(claims, self._loaded())
        for claim in claims:
            self._begin(claim, is_known=claim.job.digest in known)
        return bool(claims)

    def _begin(self, claim: Claim, *, is_known: bool) -> None:
        """Have the file opened, unless what is to be said of it is known."""
        began, queued = self._clock.monotonic(), (self._clock.now() - claim.job.queued_at).total_seconds()
        with self._settled(claim):
            if turned := self._filters.reject_path(self._root, claim.job.path):  # queued under other rules
                raise NotAllowedError(turned.reason)
            if not (is_known and self._deliver_known(claim)):
                plan = plan_for(self._loaded(), self._settings)
                self._reader.want(DecodeTask(claim=claim, plan=plan, queued=max(0.0, queued), began=began))

    def _submit(self) -> None:
        """Give the engine what is open, while it has room."""
        room = self._room.rows - len(self._under_way)
        while len(self._opened) < room and (opened := self._reader.take()) is not None:
            self._opened.append(opened)
        if not self._opened:
            return
        known = self._known.among([opened.errand.claim for opened in self._opened], self._loaded())
        while self._opened:  # none is left here once the engine has failed
            one = self._opened.popleft()
            with self._settled(one.errand.claim):
                self._ask(one, is_known=one.errand.claim.job.digest in known)

    def _ask(self, opened: Opened, *, is_known: bool) -> None:
        clip, claim = opened.clip, opened.errand.claim
        if isinstance(clip, Exception):
            raise clip
        if is_known and self._deliver_known(claim):  # the same bytes were described elsewhere, since it was claimed
            return
        check_finished(claim.job.path, clip, self._clock.now())
        failpoint("opened")
        self._room.submit(request_for(claim.job, clip, self._recipe))
        self._under_way[str(claim.job.id)] = Work(
            errand=opened.errand, media=clip.media, defects=clip.defects, decode=opened.seconds
        )

    def _step(self) -> None:
        if not self._under_way:
            return
        self._progress.say(Stage.WORKING)
        try:
            for reply in self._room.step():
                self._answer(reply)
        except EngineError as error:
            self._engine_failed(error)

    def _answer(self, reply: Reply) -> None:
        work = self._under_way.pop(reply.id, None)
        if work is None:
            return
        claim = work.errand.claim
        with self._settled(claim):
            if reply.error is not None:
                raise reply.error
            cost = Cost(
                queued=work.errand.queued,
                decode=work.decode,
                total=self._clock.monotonic() - work.errand.began,
                peak_memory_bytes=self._memory.peak(),
                launched_by=self._launched_by,
                power=self._courtesy.state.source,
            )
            failpoint("described")
            info, now = self._loaded(), self._clock.now()
            if reply.figures is not None:
                self._growth.answered(reply.figures.device_memory_bytes, reply.figures.cache_bytes)
            self._deliver(claim, describe(claim.job, work.media, reply, info, self._recipe, cost, now, work.defects))
            self._progress.say(Stage.ANSWERED)

    def _deliver_known(self, claim: Claim) -> bool:
        """Deliver what this model said to these questions about these very bytes, if it did."""
        known = self._known.said_of(claim, self._loaded())
        if known is not None:
            self._deliver(claim, known)
        return known is not None

    def _deliver(self, claim: Claim, description: Description) -> None:
        self._deliveries.put(claim, description)
        self._blame.answered(claim.job.id)

    @contextmanager
    def _settled(self, claim: Claim) -> Iterator[None]:
        """Whatever goes wrong inside becomes the job's outcome."""
        try:
            yield
        except ClaimLostError as error:
            logger.warning("{}", error)
            self._pulse.drop(claim)
        except StorageError:
            raise
        except EngineError as error:
            self._engine_failed(error, claim)
        except MediaError as error:
            reason = f"{error} {error.advice}".strip()
            self._outcomes.give_up(claim, error.cause, error.code, reason, error.detail or None)
        except Exception as error:
            logger.exception("Job {} {} met something unforeseen", claim.job.id, claim.job.name)
            words = f"{type(error).__name__}: {error}"
            self._outcomes.give_up(claim, Cause.TRANSIENT, "internal", UNFORESEEN, words)

    def _engine_failed(self, error: EngineError, claim: Claim | None = None) -> None:
        """The model's fault: nobody is charged, everybody in its hands goes back, and it is loaded anew.

        Only a job that is to blame is charged, so that a file on which every engine fails stops no others for ever.
        """
        hit = [*([claim] if claim else []), *(work.errand.claim for work in self._under_way.values())]
        self._under_way.clear()
        for one in hit:
            cause = self._blame.failed_on(one.job.id, one.job.max_attempts)
            self._outcomes.give_up(one, cause, error.code, MODEL_FAILED, str(error))
        self._room.fail(str(error))
        self._put_back("The model is being restarted.")

    def _put_back(self, note: str) -> None:
        """What the reader has goes back untried."""
        claims = [opened.errand.claim for opened in self._opened] + self._reader.forget()
        self._opened.clear()
        for claim in claims:
            self._store.release(claim, note)
            self._pulse.drop(claim)

    def _loaded(self) -> EngineInfo:
        if self._room.info is None:
            raise EngineError("The model is being restarted.")
        return self._room.info
