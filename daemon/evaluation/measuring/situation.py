"""What a measurement gets, and what it gives."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from config.settings import Settings
from daemon.asking.opening import Open, open_clips
from daemon.asking.question import Ask
from daemon.asking.request import request_of
from daemon.errors import NotAllowedError
from daemon.inference.decode_plan import plan_for
from daemon.inference.engine import Engine, EngineInfo, Reply, Request
from storage.evaluation.evaluation_records import Aspect, CheckVerdict, Figure, Line


@dataclass(frozen=True, kw_only=True)
class Situation:
    """The loaded `engine`, which is idle. `files`: the case's media. `count`: how often to measure.

    `load_seconds`: what the engine's load took, the first in this process. `new_engine`: another one, not loaded.
    `timed_engine`: one that keeps no image features, not loaded; processes of their own make theirs with it, too.
    """

    settings: Settings
    engine: Engine
    info: EngineInfo
    open_file: Open
    files: tuple[bytes, ...]
    count: int
    load_seconds: float
    new_engine: Callable[[Settings], Engine]
    timed_engine: Callable[[Settings], Engine]

    @contextmanager
    def timed(self, settings: Settings | None = None) -> Iterator[Engine]:
        """A second copy of the model, whose answers run to their limits, and which keeps no image features.

        The engine of the evaluation would find the features of pictures that it was given before, also in earlier
        evaluations. `settings`: those of the evaluation by default. Raises EngineError.
        """
        with closing(self.timed_engine(settings or self.settings)) as engine:
            engine.load()
            yield engine

    def requests(
        self, count: int, *, question: str = "Describe this image in one sentence.", tokens: int
    ) -> list[Request]:
        """So many requests about one file each, cycling through the files; each request opens its file again."""
        return [self.request(number, question=question, tokens=tokens) for number in range(count)]

    def request(self, number: int, *, question: str = "Describe this image in one sentence.", tokens: int) -> Request:
        """About one of the files, chosen by the number; about none where the case has no media. Raises MediaError."""
        files = (self.files[number % len(self.files)],) if self.files else ()
        ask = Ask(question=question, files=files, tokens=tokens)
        plan = plan_for(self.info, self.info.detail, self.settings.work)
        clips = open_clips(ask.files, self.open_file, plan)
        return replace(request_of(f"measure/{number}", ask, clips), is_urgent=False)

    @property
    def file(self) -> Path:
        """The first of its media. Raises NotAllowedError without any."""
        if not self.files:
            raise NotAllowedError("This measurement needs a file: give the case some media.")
        return Path(os.fsdecode(self.files[0]))


@dataclass(frozen=True, kw_only=True)
class Measured:
    """`text`: facts for people. `skipped`: why it cannot be measured here."""

    text: str = ""
    figures: tuple[Figure, ...] = ()
    lines: tuple[Line, ...] = ()
    checks: tuple[CheckVerdict, ...] = ()
    skipped: str | None = None


Measurement = Callable[[Situation], Measured]


def checked(kind: str, expected: str, passed: bool, reason: str) -> CheckVerdict:
    return CheckVerdict(kind=kind, expected=expected, aspect=Aspect.MEASUREMENT, passed=passed, reason=reason)


def answer_all(engine: Engine, requests: Sequence[Request], *, at_once: int) -> list[Reply]:
    """The replies, in the order in which they come, with at most so many requests in flight."""
    waiting, in_flight, replies = list(requests), 0, list[Reply]()
    while waiting or in_flight:
        while waiting and in_flight < at_once:
            engine.submit(waiting.pop(0))
            in_flight += 1
        finished = engine.step()
        in_flight -= len(finished)
        replies += finished
    return replies


def timed(action: Callable[[], object]) -> float:
    """Seconds, by the wall clock."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began
