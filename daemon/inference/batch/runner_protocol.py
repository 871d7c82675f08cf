"""What the batch needs of a model. Rows are the runner's own: each holds the keys and values of one text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from daemon.inference.sampling_params import GREEDY, SamplingParams

Tile_contra = TypeVar("Tile_contra", contravariant=True)
Features = TypeVar("Features")


class RunnerError(Exception):
    """The model failed; nothing can be said of the rows that took part."""


class RunnerMemoryError(RunnerError):
    """There was no memory for what was asked. Rows are as they were before."""


class ModelRunner(Protocol[Tile_contra, Features]):
    """One loaded model. A row takes memory in whole blocks of `block` tokens.

    All but `free` and `empty_cache` raise RunnerError.
    """

    block: int

    def encode_images(self, tiles: Sequence[Tile_contra]) -> Sequence[Features]:
        """What the model sees in each tile."""
        ...

    def add(
        self, ids: Sequence[int], features: Sequence[Features], capacity: int, decoding: SamplingParams = GREEDY
    ) -> int:
        """A new row for the prompt `ids`, with `features` at its image positions, and room for `capacity` tokens.

        Its next tokens are chosen by its `decoding`.
        """
        ...

    def fork(
        self,
        row: int,
        shared: int,
        ids: Sequence[int],
        features: Sequence[Features],
        capacity: int,
        decoding: SamplingParams = GREEDY,
    ) -> int:
        """As `add`, but the first `shared` tokens, which `row` has read as well, are taken from there."""
        ...

    def prefill(self, parts: Sequence[tuple[int, int]]) -> Sequence[int]:
        """Each row reads so many more of its tokens; the next token after each."""
        ...

    def decode(self, rows: Sequence[int], tokens: Sequence[int]) -> Sequence[int]:
        """Each row takes its token; the next token after each."""
        ...

    def free(self, row: int) -> None:
        """Forget a row."""
        ...

    def empty_cache(self) -> None:
        """Hand freed memory back to the system; called after a failure."""
        ...
