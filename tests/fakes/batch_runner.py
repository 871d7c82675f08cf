"""A model that is a hash: its next token depends on all that its row was given, so that any mix-up changes answers."""

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

IMAGE, END, WORDS = 90, 0, 40
POISON = 13  # a tile that no model survives
DRONE = 91  # a word in a prompt, upon which the model goes round in circles


@dataclass
class HeldTokens:
    to_read: list[object]
    room: int
    decoding: SamplingParams = GREEDY
    held: list[object] = field(default_factory=list)


def filled(ids: Sequence[int], features: Sequence[str]) -> list[object]:
    """The prompt with features in their places; raises unless they are as many as the places."""
    left = iter(features)
    text: list[object] = [next(left) if token == IMAGE else token for token in ids]
    assert not list(left), "features without a place"
    return text


def next_token(held: Sequence[object], decoding: SamplingParams = GREEDY) -> int:
    """A row with another decoding says other things, and finds its way out of circles."""
    if decoding != GREEDY:
        return hash_of([*held, decoding.repetition_penalty]) % WORDS
    if DRONE in held:
        return 1 + (hash_of(held[: held.index(DRONE)]) + len(held)) % period_of(held)
    return hash_of(held) % WORDS


def period_of(held: Sequence[object]) -> int:
    """How many different tokens the answer to a prompt with `DRONE` says over and over."""
    return 1 + hash_of(held[: held.index(DRONE)]) % LONGEST_PERIOD


def hash_of(held: Sequence[object]) -> int:
    return crc32(repr(list(held)).encode())


def answer(ids: Sequence[int], tiles: Sequence[int], limit: int, decoding: SamplingParams = GREEDY) -> list[int]:
    """What must be said, whatever else is under way."""
    held = filled(ids, [f"tile {tile}" for tile in tiles])
    if DRONE in held and decoding == GREEDY:
        # Until the pattern stands there four times and 24 tokens do; looked at after every fourth.
        limit = min(limit, max(24, 4 * period_of(held)))
    said: list[int] = []
    while len(said) < limit:
        token = next_token([*held, *said], decoding)
        if token == END:
            break
        said.append(token)
    return said


class HashRunner:
    """`failures` are raised one a call, before anything is done."""

    block = 8

    def __init__(self) -> None:
        self.rows: dict[int, HeldTokens] = {}
        self.failures: list[RunnerError] = []
        self.looked: list[list[int]] = []
        self.reads: list[int] = []
        self.calls: list[str] = []
        self.peak = 0
        self._numbers = count()

    def encode_images(self, tiles: Sequence[int]) -> list[str]:
        self._begin("encode_images")
        self.looked.append(list(tiles))
        if POISON in tiles:
            raise RunnerError("poisoned")
        return [f"tile {tile}" for tile in tiles]

    def add(self, ids: Sequence[int], features: Sequence[str], room: int, decoding: SamplingParams = GREEDY) -> int:
        self._begin("add")
        return self._new(HeldTokens(filled(ids, features), room, decoding))

    def fork(
        self,
        row: int,
        shared: int,
        ids: Sequence[int],
        features: Sequence[str],
        room: int,
        decoding: SamplingParams = GREEDY,
    ) -> int:
        self._begin("fork")
        text = filled(ids, features)
        assert self.rows[row].held[:shared] == text[:shared]
        return self._new(HeldTokens(text[shared:], room, decoding, self.rows[row].held[:shared]))

    def prefill(self, parts: Sequence[tuple[int, int]]) -> list[int]:
        self._begin("prefill")
        self.reads.append(sum(count for _, count in parts))
        return [self._take(row, count) for row, count in parts]

    def decode(self, rows: Sequence[int], tokens: Sequence[int]) -> list[int]:
        self._begin("decode")
        assert len(set(rows)) == len(rows)
        for row, token in zip(rows, tokens, strict=True):
            assert not self.rows[row].to_read
            self.rows[row].to_read.append(token)
        return [self._take(row, 1) for row in rows]

    def free(self, row: int) -> None:
        del self.rows[row]

    def empty_cache(self) -> None:
        self.calls.append("empty_cache")

    @property
    def used(self) -> int:
        return sum(row.room for row in self.rows.values())

    def _begin(self, call: str) -> None:
        self.calls.append(call)
        if self.failures:
            raise self.failures.pop()

    def _new(self, row: HeldTokens) -> int:
        number = next(self._numbers)
        self.rows[number] = row
        self.peak = max(self.peak, self.used)
        return number

    def _take(self, number: int, count: int) -> int:
        row = self.rows[number]
        assert 1 <= count <= len(row.to_read)
        row.held += row.to_read[:count]
        del row.to_read[:count]
        assert len(row.held) <= row.room
        return next_token(row.held, row.decoding)


class PixelRunner(HashRunner):
    """The hash model behind a real processor: tiles are arrays, `image_id` its image token, `per_tile` of them a tile.

    `lifecycle` are the calls that an engine makes beside those of the scheduler.
    """

    device_type, dtype_name = "abacus", "beads"
    tokens_that_fit, cache_bytes, device_memory_bytes = 4096, 77, 99

    def __init__(self, image_id: int, per_tile: int) -> None:
        super().__init__()
        self._image_id, self._per_tile = image_id, per_tile
        self.lifecycle: list[str] = []

    def encode_images(self, tiles: Sequence[NDArray[np.float32]]) -> list[str]:
        return super().encode_images([crc32(tile.tobytes()) for tile in tiles])

    def add(self, ids: Sequence[int], features: Sequence[str], room: int, decoding: SamplingParams = GREEDY) -> int:
        return super().add(self._ids(ids), self._features(features), room, decoding)

    def fork(
        self,
        row: int,
        shared: int,
        ids: Sequence[int],
        features: Sequence[str],
        room: int,
        decoding: SamplingParams = GREEDY,
    ) -> int:
        return super().fork(row, shared, self._ids(ids), self._features(features), room, decoding)

    def trim(self) -> None:
        self.lifecycle.append("trim")

    def close(self) -> None:
        self.lifecycle.append("close")

    def _ids(self, ids: Sequence[int]) -> list[int]:
        """No other token of the vocabulary is taken for an image position."""
        return [IMAGE if token == self._image_id else IMAGE + 1 + token for token in ids]

    def _features(self, features: Sequence[str]) -> list[str]:
        return [each for each in features for _ in range(self._per_tile)]


class PixelLoader:
    """Loads a PixelRunner, which decodes no more than `most` sequences at once."""

    engine_name = "hash"

    def __init__(self, most: int = 3) -> None:
        self._most = most
        self.runners: list[PixelRunner] = []

    def load(self, folder: Path, spec: ModelSpec, max_sequences: int) -> LoadedRunner[str]:
        self.runners.append(PixelRunner(spec.image_id, spec.tokens_per_tile))
        return LoadedRunner(self.runners[-1], min(max_sequences, self._most), (f"loaded {folder.name}",))
