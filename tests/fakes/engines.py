"""Engines that fail on purpose. Otherwise they answer like the echo engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from config.errors import ModelUnavailableError
from daemon.errors import EngineError
from daemon.inference.echo_engine import EchoEngine
from daemon.inference.engine import Answer, EngineInfo, Reply, Request

OUT_OF_MEMORY = EngineError("The model failed: out of memory")


class AbsentEngine(EchoEngine):
    """Has no weights until `here` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.here = False

    def load(self) -> EngineInfo:
        if not self.here:
            raise ModelUnavailableError("The weights of echo are not on this machine.")
        return super().load()


class FailingEngine(EchoEngine):
    """Requests for which `fails` is true get an error; by default all, until `failing` is unset."""

    def __init__(
        self,
        fails: Callable[[Request], bool] = lambda _: True,
        *,
        rows: int = 8,
        error: EngineError = OUT_OF_MEMORY,
    ) -> None:
        super().__init__(rows=rows)
        self.failing = True
        self._error = error
        self._fails = fails
        self._failed: list[Reply] = []

    def submit(self, request: Request) -> None:
        if self.failing and self._fails(request):
            self._failed.append(Reply(id=request.id, error=self._error))
        else:
            super().submit(request)

    def step(self) -> list[Reply]:
        failed, self._failed = self._failed, []
        return failed + super().step()

    def cancel(self, request_id: str) -> None:
        self._failed = [reply for reply in self._failed if reply.id != request_id]
        super().cancel(request_id)


class SlowEngine(EchoEngine):
    """Every request takes `steps` steps; `on_step` is called in each, so that a test can act in between.

    `cancelled`: the ids of all requests that were cancelled.
    """

    def __init__(self, steps: int, on_step: Callable[[], object] = lambda: None, *, rows: int = 8) -> None:
        super().__init__(rows=rows)
        self._steps, self._on_step = steps, on_step
        self._waited = 0
        self.cancelled: list[str] = []

    def cancel(self, request_id: str) -> None:
        self.cancelled.append(request_id)
        super().cancel(request_id)

    def step(self) -> list[Reply]:
        self._on_step()
        self._waited += 1
        if self._waited < self._steps:
            return []
        self._waited = 0
        return super().step()


class BrokenEngine(EchoEngine):
    """Loads, and then `step` and `cancel` themselves raise, which breaks the contract."""

    def step(self) -> list[Reply]:
        raise RuntimeError("the driver is gone")

    def cancel(self, request_id: str) -> None:
        raise RuntimeError("the driver is gone")


class FixedAnswerEngine(EchoEngine):
    """Answers every question with `text`: for loops, leaks, and characters that must not reach a terminal.

    `again` is the answer to a question with its own sampling; `submitted` are all requests so far.
    """

    def __init__(self, text: str, *, again: str | None = None, complete: bool = True) -> None:
        super().__init__()
        self._first = Answer(text=text, tokens=len(text.split()), complete=complete)
        self._again = self._first if again is None else Answer(text=again, tokens=len(again.split()), complete=True)
        self.submitted: list[Request] = []

    def submit(self, request: Request) -> None:
        super().submit(request)
        self.submitted.append(request)

    def step(self) -> list[Reply]:
        requests = {request.id: request for request in self.submitted}
        return [self._answered(requests[reply.id], reply) for reply in super().step()]

    def _answered(self, request: Request, reply: Reply) -> Reply:
        answers = {name: self._again if name in request.sampling else self._first for name in reply.answers}
        tokens = sum(answer.tokens for answer in answers.values())
        figures = reply.figures and replace(reply.figures, tokens_out=tokens)
        return replace(reply, answers=answers, figures=figures)
