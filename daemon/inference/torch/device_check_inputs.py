"""What a model is asked before its device is trusted: tiles and prompts that reach every kernel of the real work.

Each is computed alone and among others. Kernels of GPUs were seen to be wrong, without any error, from the second tile
of a batch on, from 1,024 keys on (mlx#4022; MPS takes another kernel from there, `sdpa_vector_2pass`), for masks, for
rows that take no token, and for the choice of the token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from daemon.inference.smolvlm.processor import Floats
from daemon.inference.torch.model_runner import TorchRunner

TILES = 3
#: Tokens of the prompts after the picture; the first ones of the first three are the same and may be shared.
TAILS = ((11, 12, 13, 14, 15), (11, 12, 16, 17, 18, 19, 20, 21, 22), (11, 12, 23))
SHARED = 2
#: A prompt of more keys than this takes other kernels; it is as long as the model reads, but no longer than needed.
MANY_KEYS = 1024
LONGEST = MANY_KEYS + 60
#: Written after every prompt.
WRITTEN = (31, 32)
#: Of the shelves on which rows stand: below and above MANY_KEYS.
SMALL, LARGE = 256, 1536


@dataclass(frozen=True)
class SingleResults:
    """What is computed of tiles and prompts one by one, on the CPU in float32.

    `features` (tiles, tokens, hidden), `scores` (prompts x steps, vocabulary). `misses`: by how many standard
    deviations the score of the token that was chosen lies below the highest, (prompts x steps).
    """

    features: Tensor
    scores: Tensor
    misses: Tensor


@dataclass(frozen=True)
class BatchResults:
    """The same features and scores, of tiles and prompts that were computed at once."""

    features: Tensor
    scores: Tensor


@dataclass(frozen=True)
class Prompt:
    """`shared`: so many of its tokens it has in common with the first prompt."""

    ids: tuple[int, ...]
    features: tuple[Tensor, ...]
    room: int
    shared: int = 0


@dataclass(frozen=True, kw_only=True)
class CheckInputs:
    """For a model whose tiles have `tile` pixels on a side, and which reads `context` tokens."""

    tile: int
    image_id: int
    context: int

    def alone(self, runner: TorchRunner) -> SingleResults:
        """Raises RunnerError."""
        features = [runner.encode_images([tile])[0] for tile in self._tiles()]
        steps = [steps_alone(runner, prompt) for prompt in self._prompts(features)]
        scores, misses = zip(*steps, strict=True)
        return SingleResults(on_cpu(features), torch.cat(scores), torch.cat(misses))

    def together(self, runner: TorchRunner) -> BatchResults:
        """Raises RunnerError."""
        features = runner.encode_images(self._tiles())
        return BatchResults(on_cpu(features), torch.cat(steps_together(runner, self._prompts(features))))

    def _tiles(self) -> list[Floats]:
        return list(np.random.default_rng(0).standard_normal((TILES, 3, self.tile, self.tile)).astype(np.float32))

    def _prompts(self, features: Sequence[Tensor]) -> list[Prompt]:
        return prompts_about(features, self.image_id, self.context)


def prompts_about(features: Sequence[Tensor], image_id: int, context: int) -> list[Prompt]:
    """Three that share their beginning, and two on another shelf: a long one about two tiles, and a short one."""
    picture = [image_id] * len(features[0])
    begun = [Prompt((1, *picture, *tail), (features[0],), SMALL, 1 + len(picture) + SHARED) for tail in TAILS]
    rest = min(LONGEST, context - len(WRITTEN)) - 1 - 2 * len(picture)
    filling = [11 + place % 20 for place in range(rest)]
    long = Prompt((1, *picture, *picture, *filling), tuple(features[1:3]), LARGE)
    return [*begun, long, Prompt((1, *picture, *TAILS[0]), (features[2],), LARGE)]


def steps_alone(runner: TorchRunner, prompt: Prompt) -> tuple[Tensor, Tensor]:
    """After the prompt and after each token written: scores (steps, vocabulary), and misses (steps)."""
    row = runner.add(prompt.ids, prompt.features, prompt.room)
    scores = [runner.prefill_scores([(row, len(prompt.ids))])]
    scores += [runner.decode_scores([row], [token]) for token in WRITTEN]
    chosen = [runner.sample([row], some)[0] for some in scores]
    runner.free(row)
    found = on_cpu(scores).flatten(0, 1)
    return found, missed(found, chosen)


def steps_together(runner: TorchRunner, prompts: Sequence[Prompt]) -> list[Tensor]:
    """The same scores, of prompts that are read and written at once; some rows take their last token later."""
    first = prompts[0]
    rows = [runner.add(first.ids, first.features, first.room)]
    runner.prefill_scores([(rows[0], first.shared)])
    for prompt in prompts[1:]:
        given = (prompt.ids, prompt.features, prompt.room)
        rows.append(runner.fork(rows[0], prompt.shared, *given) if prompt.shared else runner.add(*given))
    counts = [len(prompt.ids) - prompt.shared for prompt in prompts]
    read = runner.prefill_scores(list(zip(rows, counts, strict=True)))
    written = runner.decode_scores(rows, [WRITTEN[0]] * len(rows))
    early, late = rows[::2], rows[1::2]
    last: dict[int, Tensor] = {}
    for some in (early, late):
        last |= dict(zip(some, runner.decode_scores(some, [WRITTEN[1]] * len(some)), strict=True))
    scores = [on_cpu([read[number], written[number], last[row]]) for number, row in enumerate(rows)]
    for row in rows:
        runner.free(row)
    return scores


def missed(scores: Tensor, tokens: Sequence[int]) -> Tensor:
    """(steps, vocabulary) and a token a step -> (steps)."""
    chosen = scores.gather(1, torch.tensor(tokens)[:, None])[:, 0]
    return (scores.amax(-1) - chosen) / scores.std(-1)


def on_cpu(some: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(some)).float().cpu()
