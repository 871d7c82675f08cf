"""How to retry a bad answer: ask once more with other sampling, and keep the better answer. Pure.

A repetition penalty of 1.1 to 1.2 is what others use (see `answers.checks`); it comes on top of the question's own. An
answer that is only cut off was good so
far: it gets more tokens, and repeats the same text up to there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from config.recipes import Question
from daemon.inference.answers.checks import judge
from daemon.inference.engine import Answer
from daemon.inference.sampling_params import SamplingParams, sampling_of

#: From mild to severe, by how much a reader loses.
SEVERITY = ("cut-off", "leaked-token", "timestamps", "echo", "loop", "empty")
RETRY_SAMPLING = SamplingParams(repetition_penalty=1.15)
TOKEN_FACTOR = 2


@dataclass(frozen=True)
class Reask:
    """The question to ask again, its sampling, and why."""

    question: Question
    sampling: SamplingParams
    codes: tuple[str, ...]


def plan_reask(question: Question, answer: Answer) -> Reask | None:
    """How to ask again after a first answer; None when it is good."""
    codes = judge(answer, question.ask)
    if not codes:
        return None
    sampling = sampling_of(question)
    if codes == ("cut-off",):
        return Reask(replace(question, tokens=TOKEN_FACTOR * question.tokens), sampling, codes)
    penalty = sampling.repetition_penalty * RETRY_SAMPLING.repetition_penalty
    return Reask(question, replace(sampling, repetition_penalty=penalty), codes)


def better_answer(question: Question, first: Answer, second: Answer) -> Answer:
    """The answer with the less severe faults; the first when both are as good."""
    return min(first, second, key=lambda answer: severity(judge(answer, question.ask)))


def severity(codes: tuple[str, ...]) -> list[int]:
    """The most severe first."""
    return sorted((SEVERITY.index(code) for code in codes), reverse=True)
