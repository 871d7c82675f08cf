"""An engine that asks another one again, once, where an answer went astray."""

from __future__ import annotations

from dataclasses import dataclass, replace

from loguru import logger

from daemon.inference.engine import Engine, EngineInfo, Figures, Reply, Request
from daemon.inference.reask_policy import better, retry_of


@dataclass
class Asked:
    """`first` is the reply whose answers were not all good; set while some questions are asked again."""

    request: Request
    first: Reply | None = None


class ReaskingEngine:
    """Behind the Engine protocol, as the one that it asks. Only the questions that went wrong are asked again.

    The pictures are not looked at again by an engine that gives an impression; the prompt is read again.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._asked: dict[str, Asked] = {}

    def load(self) -> EngineInfo:
        return self._engine.load()

    def submit(self, request: Request) -> None:
        self._engine.submit(request)
        self._asked[request.id] = Asked(request)

    def step(self) -> list[Reply]:
        heard = [self._hear(reply) for reply in self._engine.step()]
        return [reply for reply in heard if reply is not None]

    def cancel(self, request_id: str) -> None:
        self._engine.cancel(request_id)
        self._asked.pop(request_id, None)

    def rest(self) -> None:
        self._engine.rest()

    def close(self) -> None:
        self._engine.close()
        self._asked.clear()

    def _hear(self, reply: Reply) -> Reply | None:
        """The reply, if it is the last word."""
        asked = self._asked[reply.id]
        if asked.first is not None:
            del self._asked[reply.id]
            return last_word(asked.request, asked.first, reply)
        again = again_of(asked.request, reply)
        if again is None:
            del self._asked[reply.id]
            return reply
        asked.first = reply
        self._engine.submit(again)
        return None


def again_of(request: Request, reply: Reply) -> Request | None:
    """What is to be asked again after a first reply; None when it is good, or an error."""
    asked = ((question, reply.answers.get(question.name)) for question in request.questions)
    found = [retry_of(question, answer) for question, answer in asked if answer is not None]
    retries = [retry for retry in found if retry is not None]
    if not retries:
        return None
    told = "; ".join(f"{retry.question.name}: {', '.join(retry.codes)}" for retry in retries)
    logger.info("Request {}: asked again ({})", request.id, told)
    return replace(
        request,
        questions=tuple(retry.question for retry in retries),
        decoding={retry.question.name: retry.decoding for retry in retries},
        impression=reply.impression,
    )


def last_word(request: Request, first: Reply, second: Reply) -> Reply:
    """Every question's better answer, and what both replies cost. A second one that is an error takes nothing away."""
    if second.error is not None:
        logger.warning("Request {}: the second answer failed: {}", request.id, second.error)
        return first
    asked = {question.name: question for question in request.questions}
    answers = first.answers | {
        name: better(asked[name], first.answers[name], answer) for name, answer in second.answers.items()
    }
    return replace(first, answers=answers, figures=both(first.figures, second.figures))


def both(first: Figures | None, second: Figures | None) -> Figures | None:
    if first is None or second is None:
        return first or second
    return Figures(
        seconds={
            phase: first.seconds.get(phase, 0.0) + second.seconds.get(phase, 0.0)
            for phase in first.seconds | second.seconds
        },
        tokens_in=first.tokens_in + second.tokens_in,
        tokens_out=first.tokens_out + second.tokens_out,
        batch_rows=max(first.batch_rows, second.batch_rows),
        device_memory_bytes=max(first.device_memory_bytes, second.device_memory_bytes),
        cold_start=first.cold_start,
        cache_bytes=second.cache_bytes,
    )
