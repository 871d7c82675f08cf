"""How the next token of an answer is chosen: greedily or sampled, after a repetition penalty."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from config.recipes import Question


@dataclass(frozen=True, kw_only=True)
class SamplingParams:
    """`repetition_penalty` makes tokens of the prompt and the answer so far less likely; 1 changes nothing.

    Scores above 0 are divided by it and those below multiplied, once however often the token occurs, as in
    transformers' RepetitionPenaltyLogitsProcessor.

    At `temperature` 0 the likeliest token is taken, and the rest has no effect. Else one is sampled by `seed` among the
    `top_k` likeliest (0: all), and among the likeliest whose probabilities add up to `top_p`. The same request with
    the same seed gets the same answer.
    """

    repetition_penalty: float = 1.0
    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    seed: int = 0

    @property
    def is_sampled(self) -> bool:
        return self.temperature > 0


GREEDY = SamplingParams()


def sampling_of(question: Question) -> SamplingParams:
    """The sampling that the question's recipe chooses."""
    chosen = question.sampling
    return SamplingParams(
        repetition_penalty=chosen.repetition_penalty,
        temperature=chosen.temperature,
        top_k=chosen.top_k,
        top_p=chosen.top_p,
        seed=chosen.seed,
    )


def samplings_of(questions: Iterable[Question]) -> dict[str, SamplingParams]:
    """The same by question name, without those that are decoded greedily."""
    chosen = {question.name: sampling_of(question) for question in questions}
    return {name: sampling for name, sampling in chosen.items() if sampling != GREEDY}
