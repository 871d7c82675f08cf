"""Asks another engine once more for each bad answer, and keeps the better of the two."""

from __future__ import annotations

from dataclasses import dataclass, replace

from loguru import logger

from daemon.inference.engine import Engine, EngineInfo, Figures, Reply, Request
from daemon.inference.reask_policy import better_answer, plan_reask


@dataclass
class PendingRequest:
    """`first_reply`: the reply with a bad answer; set while its questions are asked again."""

    request: Request
    first_reply: Reply | None = None


class ReaskingEngine:
    """An Engine around another one. Only questions with a bad answer are asked again.

    Pictures are not encoded again if the engine returns their image features; the prompt is prefilled again.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._pending: dict[str, PendingRequest] = {}

    def load(self) -> EngineInfo:
        return self._engine.load()

    def submit(self, request: Request) -> None:
        self._engine.submit(request)
        self._pending[request.id] = PendingRequest(request)

    def step(self) -> list[Reply]:
        handled = [self._handle(reply) for reply in self._engine.step()]
        return [reply for reply in handled if reply is not None]

    def cancel(self, request_id: str) -> None:
        self._engine.cancel(request_id)
        self._pending.pop(request_id, None)

    def rest(self) -> None:
        self._engine.rest()

    def close(self) -> None:
        self._engine.close()
        self._pending.clear()

    def _handle(self, reply: Reply) -> Reply | None:
        """The final reply, or None while some of its questions are asked again."""
        pending = self._pending[reply.id]
        if pending.first_reply is not None:
            del self._pending[reply.id]
            return merge_replies(pending.request, pending.first_reply, reply)
        retry = retry_request(pending.request, reply)
        if retry is None:
            del self._pending[reply.id]
            return reply
        pending.first_reply = reply
        self._engine.submit(retry)
        return None


def retry_request(request: Request, reply: Reply) -> Request | None:
    """The request for the bad answers of a first reply; None when all are good, or it is an error."""
    asked = ((question, reply.answers.get(question.name)) for question in request.questions)
    found = [plan_reask(question, answer) for question, answer in asked if answer is not None]
    retries = [retry for retry in found if retry is not None]
    if not retries:
        return None
    reasons = "; ".join(f"{retry.question.name}: {', '.join(retry.codes)}" for retry in retries)
    logger.info("Request {}: asked again ({})", request.id, reasons)
    return replace(
        request,
        questions=tuple(retry.question for retry in retries),
        sampling={retry.question.name: retry.sampling for retry in retries},
        image_features=reply.image_features,
    )


def merge_replies(request: Request, first: Reply, second: Reply) -> Reply:
    """Every question's better answer, and the cost of both replies. If the second is an error, the first is kept."""
    if second.error is not None:
        logger.warning("Request {}: the second answer failed: {}", request.id, second.error)
        return first
    asked = {question.name: question for question in request.questions}
    answers = first.answers | {
        name: better_answer(asked[name], first.answers[name], answer) for name, answer in second.answers.items()
    }
    return replace(first, answers=answers, figures=add_figures(first.figures, second.figures))


def add_figures(first: Figures | None, second: Figures | None) -> Figures | None:
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
