"""How the next token of an answer is chosen: greedily, after a repetition penalty."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from config.recipes import Question


@dataclass(frozen=True, kw_only=True)
class SamplingParams:
    """`repetition_penalty` makes tokens of the prompt and the answer so far less likely; 1 changes nothing.

    Scores above 0 are divided by it and those below multiplied, once however often the token occurs, as in
    transformers' RepetitionPenaltyLogitsProcessor.
    """

    repetition_penalty: float = 1.0


GREEDY = SamplingParams()


def sampling_of(question: Question) -> SamplingParams:
    """The sampling that the question's recipe chooses."""
    return SamplingParams(repetition_penalty=question.sampling.repetition_penalty)


def samplings_of(questions: Iterable[Question]) -> dict[str, SamplingParams]:
    """The same by question name, without those that are decoded greedily."""
    chosen = {question.name: sampling_of(question) for question in questions}
    return {name: sampling for name, sampling in chosen.items() if sampling != GREEDY}
