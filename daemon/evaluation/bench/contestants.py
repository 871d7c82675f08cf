"""The contestants that describe: the stock loop question by question, the engine all requests at once."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cached_property

from daemon.errors import EngineError
from daemon.evaluation.bench.cases import Ask
from daemon.evaluation.bench.interleave import Run
from daemon.evaluation.bench.loaded_models import EngineChoice, LoadedModels
from daemon.evaluation.bench.workload import requests_of, warm_up
from daemon.inference.engine import Engine, Figures, Reply, Request
from daemon.inference.smolvlm.processor import Processor
from daemon.inference.torch.reference import ReferenceLoop


class AskContestant:
    """Shared by both: the same requests, with new pictures every round. `tokens`: the length of answers."""

    def __init__(self, models: LoadedModels, ask: Ask, *, tokens: int) -> None:
        self.models, self.ask, self.tokens = models, ask, tokens
        self.requests: list[Request] = []
        self._round = 0

    def draw(self) -> None:
        """The next round's requests: new pictures, so that an engine with a feature cache has no advantage."""
        self._round += 1
        self.requests = self.drawn(self.ask)

    @cached_property
    def processor(self) -> Processor:
        return self.models.processor(self.ask.detail)

    @cached_property
    def tiles(self) -> int:
        return sum(map(self._tiles_of, self.requests))

    def drawn(self, ask: Ask) -> list[Request]:
        return requests_of(ask, tokens=self.tokens, most_frames=self.models.spec.max_frames, round_number=self._round)

    def _tiles_of(self, request: Request) -> int:
        """Every frame is one tile."""
        return len(request.pictures) if request.is_video else len(self.processor.image_prompt(request.pictures).tiles)


class EngineContestant(AskContestant):
    """`engine`: its name; None is that of the settings."""

    def __init__(self, models: LoadedModels, ask: Ask, *, tokens: int, engine: str | None = None) -> None:
        super().__init__(models, ask, tokens=tokens)
        self._choice = EngineChoice(ask.detail, ask.rows, ask.precision, engine)

    def prepare(self) -> None:
        if self.models.loaded_engine(self._choice) is None:
            engine, _ = self.models.new_engine(self._choice)
            ask_engine(engine, self.drawn(warm_up(self.ask)))
        self.draw()
        _ = self.tiles

    def run(self) -> Run:
        engine = self.models.loaded_engine(self._choice)
        if engine is None:
            raise RuntimeError("The engine is not ready.")
        return ask_engine(engine, self.requests, tiles=self.tiles)


class ReferenceContestant(AskContestant):
    @cached_property
    def processor(self) -> Processor:
        return self.models.processor(self.ask.detail, reference_frames=True)

    @cached_property
    def warm_up(self) -> Run:
        return ask_reference(self.models.reference(), self.processor, self.drawn(warm_up(self.ask)))

    def prepare(self) -> None:
        _ = self.warm_up
        self.draw()
        _ = self.tiles

    def run(self) -> Run:
        return ask_reference(self.models.reference(), self.processor, self.requests, tiles=self.tiles)


def ask_engine(engine: Engine, requests: Sequence[Request], *, tiles: int = 0) -> Run:
    """All requests at once, until all are answered; `waiting` is the time outside of a request's phases."""
    began = time.perf_counter()
    for request in requests:
        engine.submit(request)
    waiting = {request.id: request for request in requests}
    figures, phases = [], []
    while waiting:
        for reply in engine.step():
            figures.append(checked(reply, waiting.pop(reply.id)))
            busy = figures[-1].seconds
            phases.append({**busy, "waiting": time.perf_counter() - began - sum(busy.values())})
    return run_of(requests, figures, phases, tiles)


def ask_reference(loop: ReferenceLoop, processor: Processor, requests: Sequence[Request], *, tiles: int = 0) -> Run:
    figures = [checked(loop.reply(request, processor), request) for request in requests]
    return run_of(requests, figures, [each.seconds for each in figures], tiles)


def checked(reply: Reply, request: Request) -> Figures:
    """The figures of a reply. Raises EngineError unless every answer has the requested length."""
    if reply.error is not None:
        raise reply.error
    for question in request.questions:
        if (found := reply.answers[question.name].tokens) != question.tokens:
            raise EngineError(
                f"An answer has {found} tokens and not {question.tokens}.", advice="Ask for fewer tokens."
            )
    if reply.figures is None:
        raise EngineError("A reply has no figures.")
    return reply.figures


def run_of(
    requests: Sequence[Request], figures: Sequence[Figures], phases: Sequence[dict[str, float]], tiles: int
) -> Run:
    answers = sum(len(request.questions) for request in requests)
    return Run(
        files=len(requests),
        phases={phase: sum(each[phase] for each in phases) / len(requests) for phase in phases[0]},
        tokens=sum(each.tokens_out for each in figures) - answers,
        tokens_in=sum(each.tokens_in for each in figures),
        tiles=tiles,
        rows=max(each.batch_rows for each in figures),
    )
