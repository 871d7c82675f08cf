"""Chooses the next token of each slot by its own sampling parameters, independently of the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import mlx.core as mx
import numpy as np

from daemon.inference.batch.runner_protocol import RunnerError
from daemon.inference.sampling_params import SamplingParams
from daemon.inference.token_sampling import sample_token

#: Evaluates arrays: the host waits for the device.
Evaluate = Callable[..., None]


@dataclass
class RepetitionPenalty:
    """`present` (vocabulary) of bools: the tokens in the slot."""

    present: mx.array
    penalty: float

    def __call__(self, scores: mx.array) -> mx.array:
        """(vocabulary) -> (vocabulary), in float32 as in transformers."""
        scores = scores.astype(mx.float32)
        return mx.where(self.present, mx.where(scores < 0, scores * self.penalty, scores / self.penalty), scores)


class Sampler:
    """Keeps the state of slots that are not plainly greedy; the others cost nothing and are unchanged."""

    def __init__(self, vocabulary: int, evaluate: Evaluate = mx.eval) -> None:
        self._vocabulary, self._evaluate = vocabulary, evaluate
        self._penalties: dict[int, RepetitionPenalty] = {}
        self._sampled: dict[int, SamplingParams] = {}

    def start(self, slot_id: int, prompt: Sequence[int], sampling: SamplingParams) -> None:
        if sampling.repetition_penalty != 1:
            present = np.zeros(self._vocabulary, np.bool_)
            present[list(prompt)] = True
            self._penalties[slot_id] = RepetitionPenalty(mx.array(present), sampling.repetition_penalty)
        if sampling.is_sampled:
            self._sampled[slot_id] = sampling

    def append(self, slot_ids: Sequence[int], tokens: Sequence[int]) -> None:
        """Add each slot's token. Adding it again, after a failure, changes nothing."""
        for slot_id, token in zip(slot_ids, tokens, strict=True):
            if slot_id in self._penalties:
                self._penalties[slot_id].present[token] = True

    def free(self, slot_id: int) -> None:
        self._penalties.pop(slot_id, None)
        self._sampled.pop(slot_id, None)

    def is_greedy(self, slot_ids: Sequence[int]) -> bool:
        """Whether all of these take their likeliest token as it is."""
        return not any(slot_id in self._penalties or slot_id in self._sampled for slot_id in slot_ids)

    def __call__(
        self,
        slot_ids: Sequence[int],
        rows: Sequence[int],
        results: tuple[mx.array, mx.array, mx.array],
        positions: Sequence[int],
    ) -> list[int]:
        """Each slot's token for its position in the sequence, from its row of `results`: scores, best tokens, finite.

        Evaluates everything at once. Raises RunnerError for scores that are not finite.
        """
        scores, best, finite = results
        chosen, are_numbers = best[mx.array(list(rows))], finite[mx.array(list(rows))]
        sampled: dict[int, mx.array] = {}
        for index, (slot_id, row) in enumerate(zip(slot_ids, rows, strict=True)):
            penalty = self._penalties.get(slot_id)
            if slot_id in self._sampled:
                sampled[index] = penalty(scores[row]) if penalty else scores[row].astype(mx.float32)
            elif penalty:
                chosen[index] = penalty(scores[row]).argmax()
        on_host = mx.stack(list(sampled.values())) if sampled else None
        self._evaluate(chosen, are_numbers, *([] if on_host is None else [on_host]))
        if not all(np.array(are_numbers)):
            raise RunnerError("The model computed scores that are not finite numbers.")
        tokens: list[int] = np.array(chosen).tolist()
        if on_host is not None:
            for index, found in zip(sampled, np.array(on_host).astype(np.float64), strict=True):
                tokens[index] = sample_token(found, self._sampled[slot_ids[index]], positions[index])
        return tokens


def most_likely(scores: mx.array) -> tuple[mx.array, mx.array]:
    """(rows, vocabulary) -> each row's best token (the first of equals), and whether all its scores are finite."""
    return scores.argmax(-1), mx.isfinite(scores.astype(mx.float32).sum(-1))
