"""Questions of people, answered between the jobs: they join the running batch, go first in it, and stop nothing.

A question that was taken before, by a worker that ended or whose model failed, is answered alone, so that it takes no
job with it if it is the cause.
"""

from __future__ import annotations

from dataclasses import dataclass

from loguru import logger

from config.errors import SmolwatchError
from config.settings import WorkSettings
from daemon.asking.opening import open_clips
from daemon.asking.question import Ask
from daemon.asking.request import request_of, result_of, text_so_far
from daemon.clock import Clock
from daemon.errors import EngineError, PromptError
from daemon.inference.decode_plan import plan_for
from daemon.inference.engine import EngineInfo, Reply
from daemon.media.clip import Clip, DecodePlan
from daemon.prefetcher import PrefetchWindow
from daemon.worker.engine_host import EngineHost
from daemon.worker.prefetch import GRACE_SECONDS, OPENED_BYTES, Opener, OpenerThread
from storage.commands.ask_inbox import AskInbox, WaitingAsks
from storage.commands.requests import Answer, Command

#: New questions are looked for this often at most.
POLL_SECONDS = 0.1
#: The text so far is stored this often at most; without a change, a question is checked for its withdrawal.
PARTIAL_SECONDS = 0.2
CHECK_SECONDS = 1.0
#: So many questions are taken before others are answered.
MOST_IN_HAND = 16
UNEXPECTED = EngineError("The question failed unexpectedly.", advice="See the log for details.")


@dataclass(frozen=True, kw_only=True)
class AskTask:
    """A question that was taken, and how its files are opened."""

    id: int
    ask: Ask
    plan: DecodePlan

    @property
    def request_id(self) -> str:
        return f"ask.{self.id}"


Clips = tuple[Clip, ...] | Exception


class AskPrefetcher(OpenerThread[AskTask, Clips]):
    """Opens the files of questions, which do not wait for those of jobs; so the opener is another one."""

    def __init__(self, opener: Opener, max_bytes: int = OPENED_BYTES, *, grace_seconds: float = GRACE_SECONDS) -> None:
        super().__init__(opener, self._open, PrefetchWindow(ask_id, nbytes, max_bytes), grace_seconds)

    def _open(self, task: AskTask) -> Clips:
        try:
            return open_clips(task.ask.files, self._opener.open, task.plan)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this question's answer
            return error


def ask_id(task: AskTask) -> int:
    return task.id


def nbytes(clips: Clips) -> int:
    return 0 if isinstance(clips, Exception) else sum(clip.nbytes for clip in clips)


class Asks:
    """The questions for one run of the daemon, for the worker's main loop. Raises StorageError, and EngineError.

    `model`: the worker's. Questions are for that of the settings (None): a worker with another one leaves them.
    """

    def __init__(
        self,
        inbox: AskInbox,
        run: str,
        engine_host: EngineHost,
        prefetcher: AskPrefetcher,
        work: WorkSettings,
        clock: Clock,
        *,
        model: str | None = None,
    ) -> None:
        self._is_asked = model is None
        self._inbox = inbox
        self._run = run
        self._engine_host = engine_host
        self._prefetcher = prefetcher
        self._work = work
        self._clock = clock
        self._waiting = WaitingAsks()
        self._in_hand: dict[int, AskTask] = {}
        self._submitted: dict[str, AskTask] = {}  # by request id
        self._partials: dict[int, str] = {}
        self._is_alone = False
        self._poll_due = self._partial_due = self._check_due = 0.0

    def __len__(self) -> int:
        """How many questions were taken and are not answered."""
        return len(self._in_hand)

    @property
    def request_count(self) -> int:
        """How many of them the engine works on."""
        return len(self._submitted)

    @property
    def runs_alone(self) -> bool:
        """Whether no job may be begun: a question that was taken before waits, or is being answered."""
        return self._waiting.tried > 0 or (self._is_alone and bool(self._in_hand))

    def has_any(self) -> bool:
        """Whether a question waits or is being answered. Reads the database now and then."""
        if self._is_asked and (now := self._clock.monotonic()) >= self._poll_due:
            self._poll_due = now + POLL_SECONDS
            self._waiting = self._inbox.waiting(self._run)
        return bool(self._in_hand or self._waiting)

    def take(self, *, may_join: bool, is_free: bool) -> None:
        """Begin the questions that wait. `may_join`: no job runs alone; `is_free`: the worker describes no job."""
        taken: list[Command] = []
        if self._waiting.tried and is_free and not self._in_hand:
            taken = self._inbox.take_tried(self._run)
            self._is_alone = bool(taken)
        elif self._waiting.new and may_join and not self.runs_alone and len(self) < MOST_IN_HAND:
            taken = self._inbox.take_new(self._run, most=MOST_IN_HAND - len(self))
            self._is_alone = False
        if taken:
            self._waiting, self._poll_due = WaitingAsks(), 0.0
        for command in taken:
            self._begin(command, self._engine_host.loaded_info())

    def wait(self, seconds: float) -> None:
        """Until the files of a question are open, at most that long."""
        self._prefetcher.wait(seconds)

    def submit(self) -> None:
        """Submit the questions whose files are open, and answer those whose files cannot be opened."""
        while (opened := self._prefetcher.take()) is not None:
            task, clips = opened
            if isinstance(clips, Exception):
                self._answer_error(task.id, clips)
                continue
            self._engine_host.submit(request_of(task.request_id, task.ask, clips))
            self._submitted[task.request_id] = task
        self._prefetcher.keep([task.id for task in self._submitted.values()])

    def handle(self, reply: Reply) -> bool:
        """Answer the question that this reply is for; False if it is for none. Raises the reply's EngineError."""
        task = self._submitted.pop(reply.id, None)
        if task is None:
            return False
        try:
            result = result_of(task.ask, reply, self._engine_host.loaded_info())
        except PromptError as error:
            self._answer_error(task.id, error)
        else:
            self._answer(task.id, Answer(result=result))
        return True

    def report(self) -> None:
        """Store the answers so far, and cancel the questions that were withdrawn meanwhile."""
        now = self._clock.monotonic()
        if not self._in_hand or now < self._partial_due:
            return
        texts = {task.id: self._text_of(task) for task in self._in_hand.values()}
        if texts == self._partials and now < self._check_due:
            return
        self._partials, self._partial_due, self._check_due = texts, now + PARTIAL_SECONDS, now + CHECK_SECONDS
        still_open = self._inbox.store_partials(texts)
        for task in [task for task in self._in_hand.values() if task.id not in still_open]:
            self._cancel(task)

    def refuse_without_model(self) -> None:
        """Answer the questions that wait with the reason why no model can be loaded; they wait while it is reloaded."""
        if not self._waiting or (error := self._engine_host.problem) is None:
            return
        for command in [*self._inbox.take_new(self._run, most=MOST_IN_HAND), *self._inbox.take_tried(self._run)]:
            self._answer_error(command.id, error)

    def engine_failed(self, reason: str) -> None:
        """The engine is loaded again, and the questions are taken again then, if they have an attempt left."""
        failure = EngineError("The model failed on the question twice.", advice=f"The last failure: {reason}")
        if ids := self._clear():
            self._inbox.retry(ids, Answer.of_error(failure))

    def release(self) -> None:
        """Put back the questions that are not begun; the worker stops."""
        begun = [task.id for task in self._submitted.values()]
        self._prefetcher.clear()
        waiting = [ask_id for ask_id in self._in_hand if ask_id not in begun]
        for each in waiting:
            del self._in_hand[each]
        if waiting:
            self._inbox.put_back(waiting)

    def _begin(self, command: Command, info: EngineInfo) -> None:
        try:
            ask = Ask.from_arguments(command.arguments)
        except SmolwatchError as error:
            self._answer_error(command.id, error)
            return
        logger.info("Question {}: taken, {} files", command.id, len(ask.files))
        plan = plan_for(info, ask.detail or info.detail, self._work)
        task = AskTask(id=command.id, ask=ask, plan=plan)
        self._in_hand[task.id] = task
        self._prefetcher.add(task)

    def _text_of(self, task: AskTask) -> str:
        return text_so_far(task.ask, self._engine_host.partial(task.request_id))

    def _cancel(self, task: AskTask) -> None:
        logger.info("Question {}: withdrawn", task.id)
        del self._in_hand[task.id]
        self._prefetcher.cancel(task.id)
        if self._submitted.pop(task.request_id, None) is not None:
            self._engine_host.cancel(task.request_id)

    def _answer_error(self, ask_id: int, error: Exception) -> None:
        if not isinstance(error, SmolwatchError):
            logger.opt(exception=error).error("Question {}: unexpected error", ask_id)
            error = UNEXPECTED
        self._answer(ask_id, Answer.of_error(error))

    def _answer(self, ask_id: int, answer: Answer) -> None:
        self._inbox.answer(ask_id, answer)
        self._in_hand.pop(ask_id, None)
        logger.info("Question {}: answered{}", ask_id, "" if answer.result else f" with an error: {answer.error}")

    def _clear(self) -> list[int]:
        """Forget all questions in hand; their ids."""
        ids = list(self._in_hand)
        self._prefetcher.clear()
        self._in_hand.clear()
        self._submitted.clear()
        return ids
