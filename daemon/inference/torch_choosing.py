"""Which token comes next in each row: every row by its own decoding, whatever its neighbours' is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from daemon.inference.decoding import Decoding


@dataclass(frozen=True)
class Penalty:
    """`stands` (vocabulary), of bools: the tokens that the row holds."""

    stands: Tensor
    by: float

    def __call__(self, scores: Tensor) -> Tensor:
        """(vocabulary) -> as many, in float32 as transformers has them."""
        scores = scores.float()
        return torch.where(self.stands, torch.where(scores < 0, scores * self.by, scores / self.by), scores)


class Choosing:
    """Keeps what decodings need to know of the rows that have one; the others cost nothing and are not touched."""

    def __init__(self, vocabulary: int, device: torch.device) -> None:
        self._vocabulary, self._device = vocabulary, device
        self._penalties: dict[int, Penalty] = {}

    def begin(self, row: int, prompt: Sequence[int], decoding: Decoding) -> None:
        if decoding.repetition_penalty != 1:
            stands = torch.zeros(self._vocabulary, dtype=torch.bool, device=self._device)
            stands[torch.tensor(prompt, device=self._device)] = True
            self._penalties[row] = Penalty(stands, decoding.repetition_penalty)

    def take(self, rows: Sequence[int], tokens: Sequence[int]) -> None:
        """Each row holds its token too. Taking it once more, after a failure, changes nothing."""
        for row, token in zip(rows, tokens, strict=True):
            if row in self._penalties:
                self._penalties[row].stands[token] = True

    def drop(self, row: int) -> None:
        self._penalties.pop(row, None)

    def __call__(self, rows: Sequence[int], scores: Tensor) -> list[int]:
        """Scores (rows, vocabulary) -> the next token of each row."""
        chosen = scores.max(-1).indices  # the same as argmax, which takes four times as long on a CPU
        for place, row in enumerate(rows):
            if row in self._penalties:
                chosen[place] = self._penalties[row](scores[place]).argmax()
        tokens: list[int] = chosen.tolist()
        return tokens
