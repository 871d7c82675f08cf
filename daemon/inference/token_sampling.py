"""Samples one token by its scores and a seed. In float64 on the host, so that all backends choose alike.

The scores pass transformers' filters in its order: temperature, top-k, top-p (the repetition penalty is the runner's).
Then Gumbel-max: the highest score plus noise wins, which is a draw from the softmax. The noise is a hash of seed,
position and token, with no state: a choice depends on its own sequence alone, also after a preemption. Small errors of
the scores change a choice only where two tokens are nearly equal, as with argmax; in a draw from the cumulative sum,
the errors of all tokens would add up.
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from daemon.inference.sampling_params import SamplingParams

Scores = NDArray[np.float64]
TokenIds = NDArray[np.int64]


def sample_token(scores: Scores, sampling: SamplingParams, position: int) -> int:
    """Scores (vocabulary) -> the token for this position of the sequence, where the prompt's first token is 0."""
    tokens, scores = candidates(scores, sampling)
    return int(tokens[np.argmax(scores + gumbel_noise(sampling.seed, position, tokens))])


def candidates(scores: Scores, sampling: SamplingParams) -> tuple[TokenIds, Scores]:
    """The tokens that may be chosen, and their scores, divided by the temperature.

    Tokens with the same score as the last one that is kept are kept too.
    """
    scores = scores / sampling.temperature
    least = -np.inf
    if 0 < sampling.top_k < len(scores):
        least = np.partition(scores, -sampling.top_k)[-sampling.top_k]
    if sampling.top_p < 1:
        least = max(least, least_of_nucleus(scores[scores >= least], sampling.top_p))
    tokens = np.flatnonzero(scores >= least)
    return tokens, scores[tokens]


def least_of_nucleus(scores: Scores, top_p: float) -> float:
    """The lowest score among the likeliest tokens whose probabilities add up to `top_p`."""
    ascending = np.sort(scores)
    probabilities = np.exp(ascending - ascending[-1])
    below = np.cumsum(probabilities) / probabilities.sum()
    first = int(np.searchsorted(below, 1 - top_p, side="right"))
    return float(ascending[min(first, len(ascending) - 1)])


def gumbel_noise(seed: int, position: int, tokens: TokenIds) -> Scores:
    """Standard Gumbel noise for each token: SplitMix64 (Steele et al. 2014), counted by token."""
    start = np.frombuffer(blake2b(f"{seed} {position}".encode(), digest_size=8).digest(), np.uint64)
    bits = start + (tokens.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    bits ^= bits >> np.uint64(31)
    uniform = ((bits >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53  # in (0, 1), without its ends
    return np.asarray(-np.log(-np.log(uniform)), np.float64)
