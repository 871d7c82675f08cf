"""A model that is a hash: the next token depends on all tokens of its slot, so that any mix-up changes answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from daemon.inference.batch.repetition import LONGEST_PERIOD
from daemon.inference.batch.runner_protocol import RunnerError
from daemon.inference.runner_loader import LoadedRunner
from daemon.inference.sampling_params import GREEDY, SamplingParams
from daemon.inference.smolvlm.checkpoint import ModelSpec

IMAGE, END, VOCABULARY = 90, 0, 40
POISON = 13  # a tile that no model survives
LOOP_TRIGGER = 91  # a token in a prompt that makes the answer loop


@dataclass
class HeldTokens:
    pending: list[object]
    capacity: int
    sampling: SamplingParams = GREEDY
    held: list[object] = field(default_factory=list)


def fill_features(prompt_ids: Sequence[int], features: Sequence[str]) -> list[object]:
    """The prompt with features at its image positions; raises unless their numbers are equal."""
    left = iter(features)
    prompt: list[object] = [next(left) if token == IMAGE else token for token in prompt_ids]
    assert not list(left), "features without an image position"
    return prompt


def next_token(held: Sequence[object], sampling: SamplingParams = GREEDY) -> int:
    """Other sampling gives other tokens, and no loop."""
    if sampling != GREEDY:
        return hash_of([*held, sampling.repetition_penalty]) % VOCABULARY
    if LOOP_TRIGGER in held:
        return 1 + (hash_of(held[: held.index(LOOP_TRIGGER)]) + len(held)) % period_of(held)
    return hash_of(held) % VOCABULARY


def period_of(held: Sequence[object]) -> int:
    """How many different tokens the answer to a prompt with `LOOP_TRIGGER` repeats."""
    return 1 + hash_of(held[: held.index(LOOP_TRIGGER)]) % LONGEST_PERIOD


def hash_of(held: Sequence[object]) -> int:
    return crc32(repr(list(held)).encode())


def expected_output(
    prompt_ids: Sequence[int], tiles: Sequence[int], max_tokens: int, sampling: SamplingParams = GREEDY
) -> list[int]:
    """The right output, whatever else is in the batch."""
    held = fill_features(prompt_ids, [f"tile {tile}" for tile in tiles])
    if LOOP_TRIGGER in held and sampling == GREEDY:
        # Until there are four repeats and 24 tokens; checked after every fourth token.
        max_tokens = min(max_tokens, max(24, 4 * period_of(held)))
    output_ids: list[int] = []
    while len(output_ids) < max_tokens:
        token = next_token([*held, *output_ids], sampling)
        if token == END:
            break
        output_ids.append(token)
    return output_ids


class HashModel:
    """All of a runner but what its tiles are. `failures` are raised one a call, before anything is done."""

    block = 8

    def __init__(self) -> None:
        self.slots: dict[int, HeldTokens] = {}
        self.failures: list[RunnerError] = []
        self.encoded: list[list[int]] = []
        self.prefilled: list[int] = []
        self.calls: list[str] = []
        self.peak = 0
        self._ids = count()

    def encode(self, tiles: Sequence[int]) -> list[str]:
        self._begin("encode_images")
        self.encoded.append(list(tiles))
        if POISON in tiles:
            raise RunnerError("poisoned")
        return [f"tile {tile}" for tile in tiles]

    def add(
        self, prompt_ids: Sequence[int], features: Sequence[str], capacity: int, sampling: SamplingParams = GREEDY
    ) -> int:
        self._begin("add")
        return self._new(HeldTokens(fill_features(prompt_ids, features), capacity, sampling))

    def fork(
        self,
        slot_id: int,
        prefix_length: int,
        prompt_ids: Sequence[int],
        features: Sequence[str],
        capacity: int,
        sampling: SamplingParams = GREEDY,
    ) -> int:
        self._begin("fork")
        prompt = fill_features(prompt_ids, features)
        prefix = self.slots[slot_id].held[:prefix_length]
        assert prefix == prompt[:prefix_length]
        return self._new(HeldTokens(prompt[prefix_length:], capacity, sampling, prefix))

    def prefill(self, chunks: Sequence[tuple[int, int]]) -> list[int]:
        self._begin("prefill")
        self.prefilled.append(sum(count for _, count in chunks))
        return [self._take(slot_id, count) for slot_id, count in chunks]

    def decode(self, slot_ids: Sequence[int], tokens: Sequence[int]) -> list[int]:
        self._begin("decode")
        assert len(set(slot_ids)) == len(slot_ids)
        for slot_id, token in zip(slot_ids, tokens, strict=True):
            assert not self.slots[slot_id].pending
            self.slots[slot_id].pending.append(token)
        return [self._take(slot_id, 1) for slot_id in slot_ids]

    def free(self, slot_id: int) -> None:
        del self.slots[slot_id]

    def empty_cache(self) -> None:
        self.calls.append("empty_cache")

    @property
    def used(self) -> int:
        return sum(slot.capacity for slot in self.slots.values())

    def _begin(self, call: str) -> None:
        self.calls.append(call)
        if self.failures:
            raise self.failures.pop()

    def _new(self, slot: HeldTokens) -> int:
        slot_id = next(self._ids)
        self.slots[slot_id] = slot
        self.peak = max(self.peak, self.used)
        return slot_id

    def _take(self, slot_id: int, count: int) -> int:
        slot = self.slots[slot_id]
        assert 1 <= count <= len(slot.pending)
        slot.held += slot.pending[:count]
        del slot.pending[:count]
        assert len(slot.held) <= slot.capacity
        return next_token(slot.held, slot.sampling)


class HashRunner(HashModel):
    """A runner whose tiles are numbers."""

    def encode_images(self, tiles: Sequence[int]) -> list[str]:
        return self.encode(tiles)


class PixelRunner(HashModel):
    """The hash model behind a real processor: tiles are arrays, `image_id` its image token, `per_tile` of them a tile.

    `lifecycle` are the calls that an engine makes besides those of the scheduler.
    """

    device_type, dtype_name, feature_dtype_name = "abacus", "beads", "beads"
    tokens_that_fit, cache_bytes, device_memory_bytes = 4096, 77, 99

    def __init__(self, image_id: int, per_tile: int) -> None:
        super().__init__()
        self._image_id, self._per_tile = image_id, per_tile
        self.lifecycle: list[str] = []

    def encode_images(self, tiles: Sequence[NDArray[np.float32]]) -> list[str]:
        return self.encode([crc32(tile.tobytes()) for tile in tiles])

    def add(
        self, prompt_ids: Sequence[int], features: Sequence[str], capacity: int, sampling: SamplingParams = GREEDY
    ) -> int:
        return super().add(self._mapped(prompt_ids), self._by_position(features), capacity, sampling)

    def fork(
        self,
        slot_id: int,
        prefix_length: int,
        prompt_ids: Sequence[int],
        features: Sequence[str],
        capacity: int,
        sampling: SamplingParams = GREEDY,
    ) -> int:
        prompt, by_position = self._mapped(prompt_ids), self._by_position(features)
        return super().fork(slot_id, prefix_length, prompt, by_position, capacity, sampling)

    def to_bytes(self, features: str) -> bytes:
        return features.encode()

    def from_bytes(self, content: bytes) -> str:
        return content.decode()

    def trim(self) -> None:
        self.lifecycle.append("trim")

    def close(self) -> None:
        self.lifecycle.append("close")

    def _mapped(self, prompt_ids: Sequence[int]) -> list[int]:
        """So that no other token of the vocabulary is an image position."""
        return [IMAGE if token == self._image_id else IMAGE + 1 + token for token in prompt_ids]

    def _by_position(self, features: Sequence[str]) -> list[str]:
        return [feature for feature in features for _ in range(self._per_tile)]


class PixelLoader:
    """Loads a PixelRunner, which decodes no more than `most` sequences at once."""

    engine_name = "hash"

    def __init__(self, most: int = 3) -> None:
        self._most = most
        self.runners: list[PixelRunner] = []

    def load(self, folder: Path, spec: ModelSpec, max_sequences: int) -> LoadedRunner[str]:
        self.runners.append(PixelRunner(spec.image_id, spec.tokens_per_tile))
        return LoadedRunner(self.runners[-1], min(max_sequences, self._most), (f"loaded {folder.name}",))
