"""What an engine keeps of a request between `submit` and its reply."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from daemon.errors import EngineError
from daemon.inference.engine import Answer, Figures, Reply, Request

if TYPE_CHECKING:
    from daemon.inference.torch_runner import Prompt

PHASES = ("preprocess", "vision", "prefill", "generate")


@dataclass(eq=False)
class Underway:
    """One request. Seconds by phase are as a clock on the wall shows them, whatever ran beside it."""

    request: Request
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PHASES, 0.0))
    answers: dict[str, Answer] = field(default_factory=dict)
    tokens_in: int = 0
    batch_rows: int = 0
    cold: bool = False
    error: EngineError | None = None

    @property
    def is_over(self) -> bool:
        return self.error is not None or len(self.answers) == len(self.request.questions)


@dataclass(eq=False)
class Row:
    """One question of a request, by name; at most `limit` tokens are said."""

    of: Underway
    name: str
    prompt: Prompt
    limit: int
    said: list[int] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        return self.of.is_over or self.name in self.of.answers


@contextmanager
def timed(requests: set[Underway], phase: str) -> Iterator[None]:
    """Adds the time that passes inside to that phase of every request."""
    began = time.perf_counter()
    try:
        yield
    finally:
        for underway in requests:
            underway.seconds[phase] += time.perf_counter() - began


def reply_of(underway: Underway, device_memory_bytes: int) -> Reply:
    """The reply to a request that is over; answers in the order of the questions, not of their ends."""
    if underway.error is not None:
        return Reply(id=underway.request.id, error=underway.error)
    figures = Figures(
        seconds=underway.seconds,
        tokens_in=underway.tokens_in,
        tokens_out=sum(answer.tokens for answer in underway.answers.values()),
        batch_rows=underway.batch_rows,
        device_memory_bytes=device_memory_bytes,
        cold_start=underway.cold,
    )
    answers = {question.name: underway.answers[question.name] for question in underway.request.questions}
    return Reply(id=underway.request.id, answers=answers, figures=figures)
