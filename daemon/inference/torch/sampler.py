"""Which token comes next in each row: every row by its own decoding, whatever its neighbours' is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from daemon.inference.batch.runner_protocol import RunnerError
from daemon.inference.sampling_params import SamplingParams


@dataclass(frozen=True)
class RepetitionPenalty:
    """`stands` (vocabulary), of bools: the tokens that the row holds."""

    stands: Tensor
    by: float

    def __call__(self, scores: Tensor) -> Tensor:
        """(vocabulary) -> as many, in float32 as transformers has them."""
        scores = scores.float()
        return torch.where(self.stands, torch.where(scores < 0, scores * self.by, scores / self.by), scores)


class Sampler:
    """Keeps what decodings need to know of the rows that have one; the others cost nothing and are not touched."""

    def __init__(self, vocabulary: int, device: torch.device) -> None:
        self._vocabulary, self._device = vocabulary, device
        self._penalties: dict[int, RepetitionPenalty] = {}

    def begin(self, row: int, prompt: Sequence[int], sampling: SamplingParams) -> None:
        if sampling.repetition_penalty != 1:
            stands = torch.zeros(self._vocabulary, dtype=torch.bool, device=self._device)
            stands[torch.tensor(prompt, device=self._device)] = True
            self._penalties[row] = RepetitionPenalty(stands, sampling.repetition_penalty)

    def take(self, rows: Sequence[int], tokens: Sequence[int]) -> None:
        """Each row holds its token too. Taking it once more, after a failure, changes nothing."""
        for row, token in zip(rows, tokens, strict=True):
            if row in self._penalties:
                self._penalties[row].stands[token] = True

    def free(self, row: int) -> None:
        self._penalties.pop(row, None)

    def __call__(self, rows: Sequence[int], scores: Tensor) -> list[int]:
        """Scores (rows, vocabulary) -> each row's next token. Raises RunnerError for scores that are not finite."""
        chosen, finite = likeliest(scores)
        for place, row in enumerate(rows):
            if row in self._penalties:
                chosen[place] = self._penalties[row](scores[place]).argmax()
        tokens, are_numbers = torch.stack((chosen, finite.long())).tolist()  # one transfer from the device
        if not all(are_numbers):
            raise RunnerError("The model computed scores that are not finite numbers.")
        return list(tokens)


def likeliest(scores: Tensor) -> tuple[Tensor, Tensor]:
    """(rows, vocabulary) -> each row's token (of equals the first), and whether all its scores are finite."""
    return by_max(scores) if scores.device.type == "cpu" else by_argmax(scores)


def by_max(scores: Tensor) -> tuple[Tensor, Tensor]:
    """For a CPU: one pass for both, in a quarter of argmax's time. NaN and infinity are the maximum there."""
    best = scores.max(-1)
    return best.indices, best.values.isfinite()


def by_argmax(scores: Tensor) -> tuple[Tensor, Tensor]:
    """For a GPU. On Apple's, max is MPSGraph's, which passes over NaN and takes any of equals (pytorch#191100).

    argmax is a kernel of torch's own since 2.13 (pytorch#188160).
    """
    return scores.argmax(-1), scores.sum(-1, dtype=torch.float32).isfinite()
