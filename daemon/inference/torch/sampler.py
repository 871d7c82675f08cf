"""Chooses the next token of each slot by its own sampling parameters, independently of the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from daemon.inference.batch.runner_protocol import RunnerError
from daemon.inference.sampling_params import SamplingParams
from daemon.inference.token_sampling import sample_token


@dataclass(frozen=True)
class RepetitionPenalty:
    """`present` (vocabulary) of bools: the tokens in the slot."""

    present: Tensor
    penalty: float

    def __call__(self, scores: Tensor) -> Tensor:
        """(vocabulary) -> (vocabulary), in float32 as in transformers."""
        scores = scores.float()
        return torch.where(self.present, torch.where(scores < 0, scores * self.penalty, scores / self.penalty), scores)


class Sampler:
    """Keeps the state of slots that are not plainly greedy; the others cost nothing and are unchanged."""

    def __init__(self, vocabulary: int, device: torch.device) -> None:
        self._vocabulary, self._device = vocabulary, device
        self._penalties: dict[int, RepetitionPenalty] = {}
        self._sampled: dict[int, SamplingParams] = {}

    def start(self, slot_id: int, prompt: Sequence[int], sampling: SamplingParams) -> None:
        if sampling.repetition_penalty != 1:
            present = torch.zeros(self._vocabulary, dtype=torch.bool, device=self._device)
            present[torch.tensor(prompt, device=self._device)] = True
            self._penalties[slot_id] = RepetitionPenalty(present, sampling.repetition_penalty)
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

    def __call__(self, slot_ids: Sequence[int], scores: Tensor, positions: Sequence[int]) -> list[int]:
        """Scores (slots, vocabulary) -> each slot's token for its position in the sequence.

        Raises RunnerError for scores that are not finite.
        """
        chosen, finite = most_likely(scores)
        sampled: dict[int, Tensor] = {}
        for index, slot_id in enumerate(slot_ids):
            penalty = self._penalties.get(slot_id)
            if slot_id in self._sampled:
                sampled[index] = penalty(scores[index]) if penalty else scores[index].float()
            elif penalty:
                chosen[index] = penalty(scores[index]).argmax()
        tokens, are_numbers = torch.stack((chosen, finite.long())).tolist()  # one transfer from the device
        if not all(are_numbers):
            raise RunnerError("The model computed scores that are not finite numbers.")
        if sampled:
            on_host = torch.stack(list(sampled.values())).cpu().double().numpy()
            for index, row in zip(sampled, on_host, strict=True):
                tokens[index] = sample_token(row, self._sampled[slot_ids[index]], positions[index])
        return list(tokens)


def most_likely(scores: Tensor) -> tuple[Tensor, Tensor]:
    """(rows, vocabulary) -> each row's best token (the first of equals), and whether all its scores are finite."""
    return argmax_on_cpu(scores) if scores.device.type == "cpu" else argmax_on_gpu(scores)


def argmax_on_cpu(scores: Tensor) -> tuple[Tensor, Tensor]:
    """One pass for both, in a quarter of argmax's time. NaN and infinity are the maximum on a CPU."""
    best = scores.max(-1)
    return best.indices, best.values.isfinite()


def argmax_on_gpu(scores: Tensor) -> tuple[Tensor, Tensor]:
    """On an Apple GPU, max is MPSGraph's, which skips NaN and takes any of equals (pytorch#191100).

    argmax is a kernel of torch's own since 2.13 (pytorch#188160).
    """
    return scores.argmax(-1), scores.sum(-1, dtype=torch.float32).isfinite()
