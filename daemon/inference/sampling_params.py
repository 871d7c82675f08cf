"""How the next token of an answer is chosen: the likeliest one, after what is done to some scores."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class SamplingParams:
    """`repetition_penalty`: what stands in the prompt or the answer already becomes less likely; 1 changes nothing.

    Scores above 0 are divided by it and those below multiplied, once however often the token stands there, as in
    transformers' RepetitionPenaltyLogitsProcessor.
    """

    repetition_penalty: float = 1.0


GREEDY = SamplingParams()
