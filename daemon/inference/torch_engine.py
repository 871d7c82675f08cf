"""Requests in, answers out, over a torch model: questions of all requests fill one batch after the other.

A batch that fails is broken up and its rows are tried one by one, so that an error is one request's own.
"""

from __future__ import annotations

from collections import deque
from pathlib import Path

import torch

from config.settings import Detail
from daemon.errors import EngineError
from daemon.inference.devices import give_back, memory_of, pick_device, pick_dtype
from daemon.inference.engine import Answer, EngineInfo, Reply, Request
from daemon.inference.processor import Processor
from daemon.inference.torch_runner import Batch, Prompt, TorchRunner
from daemon.inference.underway import Row, Underway, reply_of, timed

#: Between two steps the caller may stop, cancel or beat; so many tokens are written meanwhile.
TOKENS_A_STEP = 8


class TorchEngine:
    """The model in `folder` behind the Engine protocol; at most `rows` answers are written at once.

    `threads` bounds the CPU cores that torch computes on; torch's own default is all physical ones.
    """

    def __init__(
        self,
        folder: Path,
        *,
        model_id: str,
        revision: str,
        device: str = "auto",
        precision: str = "auto",
        detail: Detail = "balanced",
        rows: int = 8,
        threads: int | None = None,
    ) -> None:
        self.runner: TorchRunner | None = None
        self._folder, self._model_id, self._revision = folder, model_id, revision
        self._device, self._precision, self._detail = device, precision, detail
        self._rows, self._threads = rows, threads
        self._underway: dict[str, Underway] = {}
        self._unseen: deque[Underway] = deque()
        self._waiting: deque[Row] = deque()
        self._alone: deque[Row] = deque()  # rows of a batch that failed
        self._batch: Batch | None = None
        self._running: list[Row] = []
        self._cold = True

    def load(self) -> EngineInfo:
        if self._threads is not None:
            torch.set_num_threads(self._threads)
        device = pick_device(self._device)
        self._processor = Processor.from_folder(self._folder, detail=self._detail)
        self.runner = TorchRunner.from_folder(self._folder, device, pick_dtype(self._precision, device))
        return EngineInfo(
            model_id=self._model_id,
            revision=self._revision,
            engine="torch",
            device=device.type,
            dtype=str(self.runner.dtype).removeprefix("torch."),
            detail=self._detail,
            rows=self._rows,
            image_edge=self._processor.image_edge,
            frame_edge=self._processor.frame_edge,
            frames_per_second=self._processor.frames_per_second,
            max_frames=self._processor.max_frames,
        )

    def submit(self, request: Request) -> None:
        if request.id in self._underway:
            raise ValueError(f"request {request.id} is under way already")
        self._underway[request.id] = underway = Underway(request)
        self._unseen.append(underway)

    def cancel(self, request_id: str) -> None:
        underway = self._underway.pop(request_id, None)
        if underway is not None:
            underway.error = EngineError("cancelled")

    def close(self) -> None:
        for request_id in list(self._underway):
            self.cancel(request_id)
        self._unseen.clear()
        self._leave_batch()
        if self.runner is not None:
            device, self.runner = self.runner.device, None
            give_back(device)

    def step(self) -> list[Reply]:
        """Reads the next prompts, or writes a few more tokens of those under way."""
        if self.runner is None:
            raise EngineError("The engine is not loaded.")
        failure = None
        try:
            if self._batch is None:
                self._begin(self.runner)
            else:
                self._advance(self._batch)
        except RuntimeError as error:
            failure = f"The model failed: {error}"
        # Outside of `except`: there, the traceback would still hold the failed batch's memory.
        if failure is not None:
            self._break_up(failure, self.runner.device)
        return self._replies(self.runner.device)

    def _begin(self, runner: TorchRunner) -> None:
        """Fill a batch and read its prompts: first tokens."""
        self._running = self._next_rows(runner)
        if not self._running:
            return
        requests = {row.of for row in self._running}
        for underway in requests:
            underway.batch_rows = max(underway.batch_rows, len(self._running))
            underway.cold |= self._cold
        self._cold = False
        with timed(requests, "prefill"):
            self._batch = runner.begin([row.prompt for row in self._running])
        self._hear(self._batch.tokens)

    def _advance(self, batch: Batch) -> None:
        """Write on for one step, or until every row has ended."""
        for _ in range(TOKENS_A_STEP):
            left = [row for row in self._running if not row.is_over]
            if not left:
                break
            with timed({row.of for row in left}, "generate"):
                batch.advance()
            self._hear(batch.tokens)
        if all(row.is_over for row in self._running):
            self._leave_batch()

    def _next_rows(self, runner: TorchRunner) -> list[Row]:
        """Up to `rows` rows in the order of their requests; one alone after a failure."""
        while self._alone:
            row = self._alone.popleft()
            if not row.is_over:
                return [row]
        while self._unseen and len(self._waiting) < self._rows:
            underway = self._unseen.popleft()
            if not underway.is_over:
                self._waiting += self._look(runner, underway)
        rows: list[Row] = []
        while self._waiting and len(rows) < self._rows:
            row = self._waiting.popleft()
            if not row.is_over:
                rows.append(row)
        return rows

    def _look(self, runner: TorchRunner, underway: Underway) -> list[Row]:
        """A request's rows, which share one look at its pictures; none when it cannot be read, which is its error."""
        request = underway.request
        try:
            with timed({underway}, "preprocess"):
                seen = self._processor.look(request.pictures, timestamps=request.timestamps, seconds=request.seconds)
                prompts = [self._processor.ask(seen, question.ask) for question in request.questions]
            with timed({underway}, "vision"):
                features = runner.see(seen.pixels)
            rows = []
            for question, ids in zip(request.questions, prompts, strict=True):
                limit = min(question.tokens, self._room(ids, len(features)))
                rows.append(Row(underway, question.name, Prompt(ids, features), limit))
        except EngineError as error:
            underway.error = error
            return []
        except Exception as error:  # whatever odd pictures or a full memory lead to concerns this request alone
            underway.error = EngineError(f"The pictures failed: {error!r}")
            return []
        underway.tokens_in = sum(map(len, prompts))
        return rows

    def _room(self, ids: list[int], features: int) -> int:
        """How many tokens may follow the prompt; raises EngineError when it is not one that the model can read."""
        places = ids.count(self._processor.image_id)
        if places != features:
            raise EngineError(f"The prompt has {places} places for pictures, and the pictures fill {features}.")
        room = self._processor.context - len(ids)
        if room < 1:
            raise EngineError(f"The prompt has {len(ids)} tokens; the model reads {self._processor.context}.")
        return room

    def _hear(self, tokens: list[int]) -> None:
        """Take every row's newest token; a row ends with the end token or at its limit."""
        for row, token in zip(self._running, tokens, strict=True):
            if row.is_over:
                continue
            complete = token == self._processor.end_id
            if not complete:
                row.said.append(token)
            if complete or len(row.said) == row.limit:
                text = self._processor.decode(row.said)
                row.of.answers[row.name] = Answer(text=text, tokens=len(row.said), complete=complete)

    def _break_up(self, failure: str, device: torch.device) -> None:
        """After a failed batch: its rows will be tried one by one; a row that failed alone is its request's error."""
        rows = [row for row in self._running if not row.is_over]
        if len(self._running) == 1:
            for row in rows:
                row.of.error = EngineError(failure)
        else:
            for row in rows:
                row.said.clear()
            self._alone.extend(rows)
        self._leave_batch()
        give_back(device)

    def _leave_batch(self) -> None:
        self._batch, self._running = None, []

    def _replies(self, device: torch.device) -> list[Reply]:
        """The replies of the requests that are over, which are forgotten."""
        over = [underway for underway in self._underway.values() if underway.is_over]
        for underway in over:
            del self._underway[underway.request.id]
        return [reply_of(underway, memory_of(device)) for underway in over]
