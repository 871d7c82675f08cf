"""The worker's story: claim, open, describe, deliver. Every failure is settled as its own job's outcome."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from loguru import logger

from config.recipes import load_recipe
from config.settings import Settings
from daemon.clock import Clock
from daemon.delivery import Delivery
from daemon.errors import EngineError, MediaError
from daemon.inference.engine import EngineInfo, Reply, Request
from daemon.intake.standing import Inbox
from daemon.intake.sweep import inbox_root
from daemon.media.clip import Clip, DecodePlan
from daemon.worker.describing import Cost, describe, same_for
from daemon.worker.engine_room import EngineRoom
from daemon.worker.memory import PeakMemory
from daemon.worker.outcomes import Outcomes, check_digest, check_unchanged
from daemon.worker.pulse import Pulse
from storage.errors import LostClaim, StorageError
from storage.jobs import JobStore
from storage.lifecycle import Cause
from storage.records import Claim, Description, Fingerprint, Job, Media

IDLE_SECONDS = 0.25
TAKE_UP_SECONDS = 5.0
#: Files that are opened between two steps of the engine, which otherwise would stand still meanwhile.
FILES_A_TURN = 4
#: What opened pictures may take in memory until they are described; one file is taken in any case.
OPENED_BYTES = 512 * 1024**2


class Opener(Protocol):
    """What the worker needs of `daemon.media.decoder.Decoder`."""

    def open(self, path: bytes, expected: Fingerprint, plan: DecodePlan) -> Clip: ...


@dataclass(frozen=True, kw_only=True)
class Work:
    """One job under way in the engine. `began` is monotonic; `decode` and `queued` are seconds; `size` is in bytes."""

    claim: Claim
    media: Media
    began: float
    decode: float
    queued: float
    size: int


class Worker:
    """Raises StorageError alone: a worker that cannot write down what happened must not go on."""

    def __init__(
        self,
        settings: Settings,
        store: JobStore,
        room: EngineRoom,
        decoder: Opener,
        delivery: Delivery,
        pulse: Pulse,
        clock: Clock,
        *,
        owner: str,
        sight: Callable[[bytes], None],
        launched_by: str,
    ) -> None:
        self._settings = settings.work
        self._inbox = Inbox(inbox_root(settings))
        self._recipe = load_recipe(settings.recipe)
        self._store = store
        self._room = room
        self._decoder = decoder
        self._delivery = delivery
        self._pulse = pulse
        self._clock = clock
        self._owner = owner
        self._outcomes = Outcomes(store, pulse, clock, self._inbox, sight)
        self._launched_by = launched_by
        self._memory = PeakMemory()
        self._under_way: dict[str, Work] = {}
        self._one_waits_alone = False
        self._engine_failures: Counter[int] = Counter()
        self._take_up_due = 0.0

    def run(self, stopping: threading.Event) -> None:
        """Until told to stop, and until what is under way then has ended."""
        while not stopping.is_set() or self._under_way:
            if not self.turn(stopping):
                stopping.wait(IDLE_SECONDS)

    def turn(self, stopping: threading.Event) -> bool:
        """One round; False when there was nothing to do."""
        self._take_up()
        if not self._room.open():
            return False
        claimed = self._fill(stopping)
        if not self._under_way:
            return claimed
        try:
            for reply in self._room.step():
                self._answer(reply)
        except EngineError as error:
            self._engine_failed(error)
        return True

    def _take_up(self) -> None:
        """Publications come first: what was described needs no model."""
        if self._clock.monotonic() >= self._take_up_due:
            self._take_up_due = self._clock.monotonic() + TAKE_UP_SECONDS
            self._delivery.take_up(self._owner, lease_seconds=self._settings.lease_seconds)

    def _fill(self, stopping: threading.Event) -> bool:
        """Claim and open while the engine has room; True when anything was claimed.

        A job that was tried before runs alone: should it be what kills the worker, it takes no other with it.
        """
        claimed = False
        for _ in range(FILES_A_TURN):
            if stopping.is_set() or not self._has_room() or not self._inbox.is_there():
                break
            claim = self._store.claim(self._owner, lease_seconds=self._settings.lease_seconds)
            if claim is None:
                break
            if claim.job.attempts > 1 and self._under_way:
                self._store.release(claim, "Tried before: waits to run alone.")
                self._one_waits_alone = True
                break
            claimed = True
            self._pulse.hold(claim)
            self._open(claim)
        return claimed

    def _has_room(self) -> bool:
        if not self._under_way:
            self._one_waits_alone = False
        alone = self._one_waits_alone or any(work.claim.job.attempts > 1 for work in self._under_way.values())
        opened = sum(work.size for work in self._under_way.values())
        return not alone and len(self._under_way) < self._room.rows and opened < OPENED_BYTES

    def _open(self, claim: Claim) -> None:
        job, info = claim.job, self._room.info
        if info is None:  # it failed while the batch was filled
            self._let_go(claim, "The model is being restarted.")
            return
        began, queued = self._clock.monotonic(), (self._clock.now() - job.queued_at).total_seconds()
        with self._settled(claim):
            known = None if job.fresh else self._known(job, info)
            if known is not None:
                self._deliver(claim, same_for(job, known))
                return
            check_digest(job, max_bytes=self._settings.max_file_bytes)
            clip = self._decoder.open(job.path, job.fingerprint, self._plan(info))
            decode = self._clock.monotonic() - began
            self._room.submit(self._request(job, clip))
            size = sum(picture.nbytes for picture in clip.pictures)
            self._under_way[str(job.id)] = Work(
                claim=claim, media=clip.media, began=began, decode=decode, queued=max(0.0, queued), size=size
            )

    def _answer(self, reply: Reply) -> None:
        work = self._under_way.pop(reply.id, None)
        info = self._room.info
        if work is None or info is None:
            return
        with self._settled(work.claim):
            if reply.error is not None:
                raise reply.error
            cost = Cost(
                queued=work.queued,
                decode=work.decode,
                total=self._clock.monotonic() - work.began,
                peak_memory_bytes=self._memory.peak(),
                launched_by=self._launched_by,
            )
            job = work.claim.job
            self._deliver(work.claim, describe(job, work.media, reply, info, self._recipe, cost, self._clock.now()))

    def _deliver(self, claim: Claim, description: Description) -> None:
        """What was said holds for the bytes that were read; if others stand there now, it is not delivered."""
        check_unchanged(claim.job.path, claim.job.fingerprint)
        self._delivery.deliver(claim, description)
        self._pulse.drop(claim)
        self._engine_failures.pop(claim.job.id, None)

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
            self._outcomes.give_up(claim, error.cause, error.code, str(error))
        except Exception as error:
            logger.exception("Job {} {} met something unforeseen", claim.job.id, claim.job.name)
            self._outcomes.give_up(claim, Cause.TRANSIENT, "internal", f"{type(error).__name__}: {error}")

    def _engine_failed(self, error: EngineError, claim: Claim | None = None) -> None:
        """The model's fault: nobody is charged, everybody in its hands goes back, and it is loaded anew.

        Only a job on which the model has failed as often as a job may be tried is charged from then on, so that a file
        on which every engine fails does not stop all others for ever.
        """
        hit = [*([claim] if claim else []), *(work.claim for work in self._under_way.values())]
        self._under_way.clear()
        for one in hit:
            self._engine_failures[one.job.id] += 1
            blamed = self._engine_failures[one.job.id] >= one.job.max_attempts
            self._outcomes.give_up(one, Cause.TRANSIENT if blamed else error.cause, error.code, str(error))
        self._room.fail(str(error))

    def _let_go(self, claim: Claim, note: str) -> None:
        self._store.release(claim, note)
        self._pulse.drop(claim)

    def _known(self, job: Job, info: EngineInfo) -> Description | None:
        """What this model said to these questions about these very bytes, at whatever path."""
        return self._store.known(job.digest, model=f"{info.model_id}@{info.revision}", recipe=self._recipe.digest)

    def _plan(self, info: EngineInfo) -> DecodePlan:
        return DecodePlan(
            image_edge=info.image_edge,
            frame_edge=info.frame_edge,
            frames_per_second=info.frames_per_second,
            max_frames=info.max_frames,
            max_bytes=self._settings.max_file_bytes,
            seconds=self._settings.decode_seconds,
        )

    def _request(self, job: Job, clip: Clip) -> Request:
        return Request(
            id=str(job.id),
            pictures=clip.pictures,
            questions=self._recipe.video if clip.is_video else self._recipe.image,
            timestamps=clip.timestamps if clip.is_video else (),
            seconds=(clip.media.seconds or 0.0) if clip.is_video else None,
        )
