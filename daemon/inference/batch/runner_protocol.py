"""What the batch and the engine need from a model. A row holds the keys and values of one sequence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from daemon.inference.sampling_params import GREEDY, SamplingParams

Tile_contra = TypeVar("Tile_contra", contravariant=True)
Features = TypeVar("Features")


class RunnerError(Exception):
    """The model failed; the state of the rows that took part is unknown."""


class RunnerMemoryError(RunnerError):
    """Out of memory. The rows are unchanged."""


class ModelRunner(Protocol[Tile_contra, Features]):
    """One loaded model. A row takes memory in whole blocks of `block` tokens.

    All methods but `free` and `empty_cache` raise RunnerError.
    """

    block: int

    def encode_images(self, tiles: Sequence[Tile_contra]) -> Sequence[Features]:
        """The image features of each tile."""
        ...

    def add(
        self, ids: Sequence[int], features: Sequence[Features], capacity: int, decoding: SamplingParams = GREEDY
    ) -> int:
        """A new row for the prompt `ids`, with `features` at its image positions, and capacity for so many tokens.

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
        """As `add`, but the first `shared` tokens, which `row` has prefilled as well, are copied from there."""
        ...

    def prefill(self, parts: Sequence[tuple[int, int]]) -> Sequence[int]:
        """Each row prefills so many more of its tokens; the next token after each."""
        ...

    def decode(self, rows: Sequence[int], tokens: Sequence[int]) -> Sequence[int]:
        """Each row takes its token; the next token after each."""
        ...

    def free(self, row: int) -> None:
        """Free a row."""
        ...

    def empty_cache(self) -> None:
        """Return freed memory to the system; called after a failure, and when the engine is idle."""
        ...


class DeviceRunner(ModelRunner[Tile_contra, Features], Protocol[Tile_contra, Features]):
    """A runner, with the facts about its device that an engine reports and needs. None of these raises RunnerError."""

    @property
    def device_type(self) -> str:
        """The device's short name, such as "cpu", "cuda" or "mps"."""
        ...

    @property
    def dtype_name(self) -> str:
        """The precision of the weights, such as "float32", "bfloat16" or "int8"."""
        ...

    @property
    def tokens_that_fit(self) -> int:
        """How many tokens' keys and values may take the memory that is free now."""
        ...

    @property
    def cache_bytes(self) -> int:
        """Bytes of the KV cache now."""
        ...

    @property
    def device_memory_bytes(self) -> int:
        """Bytes held on the device, the peak where it is counted; 0 on a CPU, where the process's memory counts."""
        ...

    def trim(self) -> None:
        """Return memory that the driver keeps for reuse, where that has grown large; called after every reply."""
        ...

    def close(self) -> None:
        """Free the weights and the KV cache; the runner cannot be used afterwards."""
        ...
