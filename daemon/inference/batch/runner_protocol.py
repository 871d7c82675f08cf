"""What the scheduler and the engine need from a model. A slot holds the keys and values of one sequence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from daemon.inference.sampling_params import GREEDY, SamplingParams

Tile_contra = TypeVar("Tile_contra", contravariant=True)
Features = TypeVar("Features")


class RunnerError(Exception):
    """The model failed; the state of the slots that took part is unknown."""


class RunnerMemoryError(RunnerError):
    """Out of memory. The slots are unchanged."""


class ModelRunner(Protocol[Tile_contra, Features]):
    """One loaded model. A slot takes memory in whole blocks of `block` tokens.

    All methods but `free` and `empty_cache` raise RunnerError.
    """

    block: int

    def encode_images(self, tiles: Sequence[Tile_contra]) -> Sequence[Features]:
        """The image features of each tile."""
        ...

    def add(
        self, prompt_ids: Sequence[int], features: Sequence[Features], capacity: int, sampling: SamplingParams = GREEDY
    ) -> int:
        """A new slot for a prompt, with `features` at its image positions, and capacity for so many tokens.

        Its next tokens are chosen by `sampling`. Returns the slot's id.
        """
        ...

    def fork(
        self,
        slot_id: int,
        prefix_length: int,
        prompt_ids: Sequence[int],
        features: Sequence[Features],
        capacity: int,
        sampling: SamplingParams = GREEDY,
    ) -> int:
        """As `add`, but the first `prefix_length` tokens, which `slot_id` holds as well, are copied from that slot."""
        ...

    def prefill(self, chunks: Sequence[tuple[int, int]]) -> Sequence[int]:
        """Prefill so many more prompt tokens of each slot, as (slot id, count); the next token after each."""
        ...

    def decode(self, slot_ids: Sequence[int], tokens: Sequence[int]) -> Sequence[int]:
        """Append to each slot its token; the next token after each."""
        ...

    def free(self, slot_id: int) -> None:
        """Free a slot."""
        ...

    def empty_cache(self) -> None:
        """Return freed memory to the system; called after a failure, and when the engine is idle."""
        ...


class DeviceRunner(ModelRunner[Tile_contra, Features], Protocol[Tile_contra, Features]):
    """A runner, with the facts about its device that an engine reports and needs. None of these raises RunnerError."""

    def to_bytes(self, features: Features) -> bytes:
        """A tile's features, bit for bit."""
        ...

    def from_bytes(self, content: bytes) -> Features:
        """The same features again. Callable on any thread."""
        ...

    @property
    def device_type(self) -> str:
        """The device's short name, such as "cpu", "cuda" or "mps"."""
        ...

    @property
    def dtype_name(self) -> str:
        """The precision of the weights, such as "float32", "bfloat16" or "int8"."""
        ...

    @property
    def feature_dtype_name(self) -> str:
        """The precision of image features, such as "bfloat16", also where the weights are quantized."""
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
