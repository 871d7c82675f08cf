"""The inputs of a device check: tiles and prompts that reach every kernel of the real work.

Each is computed singly and in a batch. GPU kernels have been wrong, without any error, from the second tile of a batch
on, from 1,024 keys on (mlx#4022; MPS uses another kernel from there, `sdpa_vector_2pass`), for masks, for slots that do
not decode, and for the choice of the token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from daemon.inference.smolvlm.processor import Floats

TILES = 3
#: Tokens of the prompts after the picture; the first PREFIX of them are the same and can be shared.
TAILS = ((11, 12, 13, 14, 15), (11, 12, 16, 17, 18, 19, 20, 21, 22), (11, 12, 23))
PREFIX = 2
#: A prompt of more keys than this uses other kernels; it is as long as the context allows, but no longer than needed.
MANY_KEYS = 1024
LONGEST = MANY_KEYS + 60
#: Decoded after every prompt.
DECODED = (31, 32)
#: Capacities of the buckets: below and above MANY_KEYS.
SMALL, LARGE = 256, 1536


class CheckedRunner(Protocol):
    """A backend's runner, which also gives the scores by which it chooses tokens. Its arrays are its own."""

    def encode_images(self, tiles: Sequence[Floats]) -> Sequence[Any]: ...
    def add(self, prompt_ids: Sequence[int], features: Sequence[Any], capacity: int) -> int: ...
    def fork(
        self, slot_id: int, prefix_length: int, prompt_ids: Sequence[int], features: Sequence[Any], capacity: int
    ) -> int: ...
    def free(self, slot_id: int) -> None: ...

    def prefill_scores(self, chunks: Sequence[tuple[int, int]]) -> Any:
        """As `prefill`, but the scores of every next token, (chunks, vocabulary)."""
        ...

    def decode_scores(self, slot_ids: Sequence[int], tokens: Sequence[int]) -> Any:
        """As `decode`, but the scores of every next token, (slots, vocabulary)."""
        ...

    def sample(self, slot_ids: Sequence[int], scores: Any) -> Sequence[int]:
        """The next token of each slot by its scores, (slots, vocabulary)."""
        ...

    def on_host(self, array: Any) -> Floats:
        """One of its arrays, in float32."""
        ...


@dataclass(frozen=True)
class SingleResults:
    """Results of tiles and prompts one by one, on the host in float32.

    `features` (tiles, tokens, hidden), `scores` (prompts x steps, vocabulary). `misses`: by how many standard
    deviations the chosen token's score is below the highest, (prompts x steps).
    """

    features: Floats
    scores: Floats
    misses: Floats


@dataclass(frozen=True)
class BatchResults:
    """The same features and scores, of tiles and prompts in one batch."""

    features: Floats
    scores: Floats


@dataclass(frozen=True)
class Prompt:
    """`prefix_length`: how many tokens it shares with the first prompt."""

    prompt_ids: tuple[int, ...]
    features: tuple[Any, ...]
    capacity: int
    prefix_length: int = 0


@dataclass(frozen=True, kw_only=True)
class CheckInputs:
    """For a model with tiles of `tile` x `tile` pixels and a context of `context` tokens."""

    tile: int
    image_id: int
    context: int

    def run_single(self, runner: CheckedRunner) -> SingleResults:
        """Raises RunnerError."""
        features = [runner.encode_images([tile])[0] for tile in self._tiles()]
        steps = [single_steps(runner, prompt) for prompt in self._make_prompts(features)]
        scores, misses = zip(*steps, strict=True)
        return SingleResults(on_host(runner, features), np.concatenate(scores), np.concatenate(misses))

    def run_batch(self, runner: CheckedRunner) -> BatchResults:
        """Raises RunnerError."""
        features = runner.encode_images(self._tiles())
        prompts = self._make_prompts(features)
        return BatchResults(on_host(runner, features), np.concatenate(batch_steps(runner, prompts)))

    def _tiles(self) -> list[Floats]:
        return list(np.random.default_rng(0).standard_normal((TILES, 3, self.tile, self.tile)).astype(np.float32))

    def _make_prompts(self, features: Sequence[Any]) -> list[Prompt]:
        return make_prompts(features, self.image_id, self.context)


def make_prompts(features: Sequence[Any], image_id: int, context: int) -> list[Prompt]:
    """Three with a shared prefix, and two in another bucket: a long one about two tiles, and a short one."""
    picture = [image_id] * len(features[0])
    prefixed = [Prompt((1, *picture, *tail), (features[0],), SMALL, 1 + len(picture) + PREFIX) for tail in TAILS]
    rest = min(LONGEST, context - len(DECODED)) - 1 - 2 * len(picture)
    filling = [11 + place % 20 for place in range(rest)]
    long = Prompt((1, *picture, *picture, *filling), tuple(features[1:3]), LARGE)
    return [*prefixed, long, Prompt((1, *picture, *TAILS[0]), (features[2],), LARGE)]


def single_steps(runner: CheckedRunner, prompt: Prompt) -> tuple[Floats, Floats]:
    """After the prompt and after each decoded token: scores (steps, vocabulary), and misses (steps)."""
    slot_id = runner.add(prompt.prompt_ids, prompt.features, prompt.capacity)
    scores = [runner.prefill_scores([(slot_id, len(prompt.prompt_ids))])]
    scores += [runner.decode_scores([slot_id], [token]) for token in DECODED]
    chosen = [runner.sample([slot_id], step)[0] for step in scores]
    runner.free(slot_id)
    found = on_host(runner, [step[0] for step in scores])
    return found, score_deficits(found, chosen)


def batch_steps(runner: CheckedRunner, prompts: Sequence[Prompt]) -> list[Floats]:
    """The same scores, of all prompts in one batch; some slots decode their last token one step later."""
    first = prompts[0]
    slot_ids = [runner.add(first.prompt_ids, first.features, first.capacity)]
    runner.prefill_scores([(slot_ids[0], first.prefix_length)])
    for prompt in prompts[1:]:
        arguments = (prompt.prompt_ids, prompt.features, prompt.capacity)
        slot_ids.append(
            runner.fork(slot_ids[0], prompt.prefix_length, *arguments)
            if prompt.prefix_length
            else runner.add(*arguments)
        )
    counts = [len(prompt.prompt_ids) - prompt.prefix_length for prompt in prompts]
    prefilled = runner.prefill_scores(list(zip(slot_ids, counts, strict=True)))
    decoded = runner.decode_scores(slot_ids, [DECODED[0]] * len(slot_ids))
    early, late = slot_ids[::2], slot_ids[1::2]
    last: dict[int, Any] = {}
    for group in (early, late):
        last |= dict(zip(group, runner.decode_scores(group, [DECODED[1]] * len(group)), strict=True))
    scores = [
        on_host(runner, [prefilled[number], decoded[number], last[slot_id]]) for number, slot_id in enumerate(slot_ids)
    ]
    for slot_id in slot_ids:
        runner.free(slot_id)
    return scores


def score_deficits(scores: Floats, tokens: Sequence[int]) -> Floats:
    """(steps, vocabulary) and one token a step -> (steps)."""
    chosen = np.take_along_axis(scores, np.array(tokens)[:, None], 1)[:, 0]
    return np.asarray((scores.max(-1) - chosen) / scores.std(-1, ddof=1), np.float32)


def on_host(runner: CheckedRunner, arrays: Sequence[Any]) -> Floats:
    return np.stack([runner.on_host(array) for array in arrays])
