"""What to do about an answer that went astray: ask once more, in another way, and keep the better one. Pure.

A penalty on repetition of 1.1 to 1.2 is what others go on with (see `guard`). An answer that is merely cut off was
going well: it gets more room, and says the same as far as it came.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from config.recipes import Question
from daemon.inference.answers.checks import judge
from daemon.inference.engine import Answer
from daemon.inference.sampling_params import GREEDY, SamplingParams

#: From light to grave: what a reader loses by it.
GRAVITY = ("cut-off", "leaked-token", "timestamps", "echo", "loop", "empty")
OTHERWISE = SamplingParams(repetition_penalty=1.15)
ROOM = 2


@dataclass(frozen=True)
class Reask:
    """The question as it is to be asked again, and why."""

    question: Question
    decoding: SamplingParams
    codes: tuple[str, ...]


def retry_of(question: Question, answer: Answer) -> Reask | None:
    """How to ask again after a first answer; None when nothing speaks against it."""
    codes = judge(answer, question.ask)
    if not codes:
        return None
    if codes == ("cut-off",):
        return Reask(replace(question, tokens=ROOM * question.tokens), GREEDY, codes)
    return Reask(question, OTHERWISE, codes)


def better(question: Question, first: Answer, second: Answer) -> Answer:
    """The one against which less grave things speak; the first when both are as good."""
    return min(first, second, key=lambda answer: gravity(judge(answer, question.ask)))


def gravity(codes: tuple[str, ...]) -> list[int]:
    """The gravest first."""
    return sorted((GRAVITY.index(code) for code in codes), reverse=True)
