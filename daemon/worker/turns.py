"""The worker's story: claim, open, describe, deliver. Every failure is settled as its own job's outcome.

Claimed files go to the reader, which opens them meanwhile; opened ones go to the engine as soon as it has room.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from loguru import logger

from config.crash_point import crash_point
from config.recipes import load_recipe
from config.settings import Settings
from daemon.clock import Clock
from daemon.delivery import Delivery
from daemon.errors import EngineError, MediaError, NotAllowedError, UnfinishedError
from daemon.inference.engine import EngineInfo, Reply
from daemon.intake.filters import filters_of
from daemon.intake.standing import Inbox
from daemon.intake.sweep import inbox_root
from daemon.media.clip import CUT_SHORT, Clip
from daemon.power.courtesy import Courtesy
from daemon.power.pace import Pace
from daemon.stage import Stage
from daemon.worker.ahead import FILES_AHEAD, Errand, Opened
from daemon.worker.asking import plan_for, request_for
from daemon.worker.blame import Blame
from daemon.worker.describing import Cost, describe, same_for
from daemon.worker.engine_room import EngineRoom
from daemon.worker.growth import Growth
from daemon.worker.memory import PeakMemory
from daemon.worker.outcomes import Outcomes, check_unchanged, looks_young
from daemon.worker.progress import Progress
from daemon.worker.pulse import Pulse
from daemon.worker.reading import Reader
from storage.errors import LostClaim, StorageError
from storage.jobs import JobStore
from storage.lifecycle import Cause
from storage.records import Claim, Description, Media
from storage.recovery import MOST_TAKEN_UP

UNFORESEEN = "Something unexpected went wrong with the file; the log says more."
MODEL_FAILED = "The model failed while it worked on the file."

IDLE_SECONDS = 0.25
TAKE_UP_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class Work:
    """One job under way in the engine; `decode` is in seconds."""

    errand: Errand
    media: Media
    defects: tuple[str, ...]
    decode: float


class Worker:
    """Raises StorageError alone: a worker that cannot write down what happened must not go on."""

    def __init__(
        self,
        settings: Settings,
        store: JobStore,
        room: EngineRoom,
        reader: Reader,
        delivery: Delivery,
        pulse: Pulse,
        clock: Clock,
        *,
        owner: str,
        sight: Callable[[bytes], None],
        launched_by: str,
        courtesy: Courtesy,
        progress: Progress,
        growth: Growth,
    ) -> None:
        self._settings = settings.work
        self._root = inbox_root(settings)
        self._inbox = Inbox(self._root)
        self._filters = filters_of(settings, self._root)
        self._recipe = load_recipe(settings.recipe)
        self._store = store
        self._room = room
        self._reader = reader
        self._delivery = delivery
        self._pulse = pulse
        self._clock = clock
        self._owner = owner
        self._outcomes = Outcomes(store, pulse, clock, self._inbox, sight)
        self._launched_by = launched_by
        self._courtesy = courtesy
        self._progress = progress
        self._growth = growth
        self._memory = PeakMemory()
        self._under_way: dict[str, Work] = {}
        self._one_alone = False
        self._blame = Blame()
        self._take_up_due = 0.0

    def run(self, stopping: threading.Event) -> None:
        """Until told to stop, or to be renewed. What the engine has in hand then is finished; all else goes back."""
        while not (stopping.is_set() or self._growth.is_too_much()):
            began = self._clock.monotonic()
            has_worked = self.turn()
            self._courtesy.work(self._in_hand > 0)
            stopping.wait(self._courtesy.rest(self._clock.monotonic() - began) if has_worked else IDLE_SECONDS)
        self._put_back("Put back in the queue: the worker stops.")
        while self._under_way:
            self._step()

    def turn(self) -> bool:
        """One round; False when there was nothing to do."""
        self._progress.say(Stage.WORKING if self._in_hand else Stage.IDLE)
        self._take_up()
        is_paused = self._courtesy.pace() is Pace.PAUSED
        if (is_paused and not self._in_hand) or not self._room.open():
            return False
        claimed = not is_paused and self._claim()
        if not (claimed or self._in_hand):
            self._room.rest()
            return False
        if not self._under_way:
            self._reader.wait(IDLE_SECONDS)
        self._submit()
        self._step()
        self._reader.keep([work.errand.claim.job.id for work in self._under_way.values()])
        return True

    @property
    def _in_hand(self) -> int:
        return len(self._reader) + len(self._under_way)

    def _take_up(self) -> None:
        """Publications come first: what was described needs no model."""
        if self._clock.monotonic() >= self._take_up_due:
            taken = self._delivery.take_up(self._owner, lease_seconds=self._settings.lease_seconds)
            if taken < MOST_TAKEN_UP:  # else more are waiting
                self._take_up_due = self._clock.monotonic() + TAKE_UP_SECONDS

    def _claim(self) -> bool:
        """Keep the reader busy; True when anything was claimed.

        A job that was tried before runs alone: should it be what kills the worker, it takes no other with it.
        """
        self._one_alone = self._one_alone and self._in_hand > 0
        claimed = False
        for _ in range(FILES_AHEAD):
            if self._one_alone or len(self._reader) >= FILES_AHEAD or not self._inbox.is_there():
                break
            claim = self._store.claim(self._owner, lease_seconds=self._settings.lease_seconds)
            if claim is None:
                break
            self._one_alone = claim.job.attempts > 1
            if self._one_alone and self._in_hand:
                self._store.release(claim, "Tried before: waits to run alone.")
                break
            claimed = True
            self._begin(claim)
        return claimed

    def _begin(self, claim: Claim) -> None:
        """Have the file opened, unless what is to be said of it is known."""
        crash_point("claimed")
        self._pulse.hold(claim)
        began, queued = self._clock.monotonic(), (self._clock.now() - claim.job.queued_at).total_seconds()
        with self._settled(claim):
            if turned := self._filters.of_path(self._root, claim.job.path):  # queued under other rules
                raise NotAllowedError(turned.reason)
            if not self._deliver_known(claim):
                plan = plan_for(self._loaded(), self._settings)
                self._reader.want(Errand(claim=claim, plan=plan, queued=max(0.0, queued), began=began))

    def _submit(self) -> None:
        """Give the engine what is open, while it has room."""
        while len(self._under_way) < self._room.rows and (opened := self._reader.take()) is not None:
            with self._settled(opened.errand.claim):
                self._ask(opened)

    def _ask(self, opened: Opened) -> None:
        clip, claim = opened.clip, opened.errand.claim
        if isinstance(clip, Exception):
            raise clip
        if self._deliver_known(claim):  # since it was claimed, the same bytes were described elsewhere
            return
        self._check_finished(claim, clip)
        crash_point("opened")
        self._room.submit(request_for(claim.job, clip, self._recipe))
        self._under_way[str(claim.job.id)] = Work(
            errand=opened.errand, media=clip.media, defects=clip.defects, decode=opened.seconds
        )

    def _check_finished(self, claim: Claim, clip: Clip) -> None:
        """A film can be shown as far as it came; but while it is young, the rest may come."""
        if CUT_SHORT in clip.defects and looks_young(claim.job.path, self._clock.now()):
            raise UnfinishedError("It ends before it should; its end may still be on its way.")

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
            crash_point("described")
            info, now = self._loaded(), self._clock.now()
            if reply.figures is not None:
                self._growth.answered(reply.figures.device_memory_bytes, reply.figures.cache_bytes)
            self._deliver(claim, describe(claim.job, work.media, reply, info, self._recipe, cost, now, work.defects))
            self._progress.say(Stage.ANSWERED)

    def _deliver_known(self, claim: Claim) -> bool:
        """Deliver what this model said to these questions about these very bytes, at whatever path, if it did."""
        job, info = claim.job, self._loaded()
        if job.fresh:
            return False
        model = f"{info.model_id}@{info.revision}"
        known = self._store.known(job.digest, model=model, recipe=self._recipe.digest)
        if known is None:
            return False
        self._deliver(claim, same_for(job, known))
        return True

    def _deliver(self, claim: Claim, description: Description) -> None:
        """What was said holds for the bytes that were read; if others stand there now, it is not delivered."""
        check_unchanged(claim.job.path, claim.job.fingerprint)
        self._delivery.deliver(claim, description)
        self._pulse.drop(claim)
        self._blame.answered(claim.job.id)

    @contextmanager
    def _settled(self, claim: Claim) -> Iterator[None]:
        """Whatever goes wrong inside becomes the job's outcome."""
        try:
            yield
        except LostClaim as error:
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
        for claim in self._reader.forget():
            self._store.release(claim, note)
            self._pulse.drop(claim)

    def _loaded(self) -> EngineInfo:
        if self._room.info is None:
            raise EngineError("The model is being restarted.")
        return self._room.info
