"""SmolVLM in torch: tiles -> features, slots of tokens and features -> next tokens. Knows no requests and no text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import SmolVLMForConditionalGeneration
from transformers.utils import logging

from config.errors import ModelUnavailableError
from daemon.inference.batch.runner_protocol import RunnerError, RunnerMemoryError
from daemon.inference.sampling_params import GREEDY, SamplingParams
from daemon.inference.smolvlm.checkpoint import read_json
from daemon.inference.smolvlm.processor import Floats
from daemon.inference.torch.attention import AttentionKernel, DecodeAttention, PrefillAttention, best_kernel
from daemon.inference.torch.devices import empty_cache, free_memory, memory_bytes, synchronize, trim
from daemon.inference.torch.kv_cache import KVCache
from daemon.inference.torch.linear import Layout, int8_layout, native_layout
from daemon.inference.torch.sampler import Sampler
from daemon.inference.torch.text_model import TextModel
from daemon.inference.torch.vision_model import VisionModel

#: The KV cache's share of the memory that is free after loading. Buckets may have twice the slots that are used, and
#: features, tiles and activations need memory too.
CACHE_SHARE = 0.25
MEMORY_ERROR_TEXTS = ("out of memory", "allocate memory", "not enough memory", "Invalid buffer size")


@contextmanager
def runner_errors() -> Iterator[None]:
    """Turns torch's errors into RunnerError, or RunnerMemoryError by their text."""
    try:
        with torch.inference_mode():
            yield
    except (RuntimeError, MemoryError) as error:
        is_memory = isinstance(error, MemoryError) or any(text in str(error) for text in MEMORY_ERROR_TEXTS)
        raise (RunnerMemoryError if is_memory else RunnerError)(str(error) or "out of memory") from None


class TorchRunner:
    """A DeviceRunner: tiles are (3, tile, tile), features (tokens a tile, hidden).

    Without a `kernel`, attention is the fastest on the device.
    """

    block = 256

    def __init__(
        self,
        model: Any,
        device: torch.device,
        dtype: torch.dtype,
        layout: Layout = native_layout,
        kernel: AttentionKernel | None = None,
    ) -> None:
        self.device = device
        self.dtype = dtype
        self.dtype_name = "int8" if layout is int8_layout else str(dtype).removeprefix("torch.")
        self._image_id: int = model.config.image_token_id
        self._kernel = kernel or best_kernel(device)
        with torch.inference_mode():
            self._vision = VisionModel(model, layout, self._kernel)
            self._text = TextModel(model, layout)
        self._cache = KVCache(self._text.cache_shape)
        self._sampler = Sampler(model.config.text_config.vocab_size, device)

    @classmethod
    def from_folder(
        cls,
        folder: Path,
        device: torch.device,
        dtype: torch.dtype,
        layout: Layout = native_layout,
        kernel: AttentionKernel | None = None,
    ) -> TorchRunner:
        """Load the weights directly in `dtype`; raises ModelUnavailableError unless they are complete."""
        if "quantization" in read_json(folder / "config.json"):
            raise ModelUnavailableError(
                f"The weights in {folder} are quantized for MLX.", advice="Use them with the engine mlx: --engine mlx"
            )
        disable_progress: Any = logging.disable_progress_bar
        disable_progress()
        try:
            loaded: Any = SmolVLMForConditionalGeneration.from_pretrained(
                folder, dtype=dtype, local_files_only=True, output_loading_info=True
            )
        except Exception as error:  # damaged files make the libraries raise anything
            raise ModelUnavailableError(f"The weights in {folder} cannot be loaded: {error}") from error
        model, report = loaded
        wrong = {kind: sorted(map(str, names)) for kind, names in report.items() if names}
        if wrong:
            problems = "; ".join(f"{kind.replace('_', ' ')}: {', '.join(names[:3])}" for kind, names in wrong.items())
            raise ModelUnavailableError(f"The weights in {folder} are not a SmolVLM's: {problems}")
        for parameter in model.parameters():
            # Loaded parameters are the mapped file; a single one left would keep all of it in memory.
            parameter.data = parameter.data.to(device, copy=True)
        return cls(model.to(device).eval(), device, dtype, layout, kernel)

    @property
    def device_type(self) -> str:
        return self.device.type

    @property
    def feature_dtype_name(self) -> str:
        return str(self.dtype).removeprefix("torch.")

    @property
    def tokens_that_fit(self) -> int:
        return int(free_memory(self.device) * CACHE_SHARE) // self._text.cache_shape.bytes_per_token

    @property
    def cache_bytes(self) -> int:
        return self._cache.nbytes

    @property
    def device_memory_bytes(self) -> int:
        return memory_bytes(self.device)

    @runner_errors()
    def encode_images(self, tiles: Sequence[Floats]) -> list[Tensor]:
        pixels = torch.from_numpy(np.stack(tiles)).to(self.device, self.dtype)
        features = self._vision(pixels)
        synchronize(self.device)
        return list(features)

    def to_bytes(self, features: Tensor) -> bytes:
        return features.cpu().contiguous().view(torch.uint8).numpy().tobytes()

    def from_bytes(self, content: bytes) -> Tensor:
        """In the host's memory: `add` and `fork` copy it to the device, on their thread."""
        return torch.frombuffer(bytearray(content), dtype=self.dtype).view(-1, self._text.hidden_size)

    @runner_errors()
    def add(
        self, prompt_ids: Sequence[int], features: Sequence[Tensor], capacity: int, sampling: SamplingParams = GREEDY
    ) -> int:
        slot_id = self._cache.add(self._embed(prompt_ids, features), capacity)
        self._sampler.start(slot_id, prompt_ids, sampling)
        return slot_id

    @runner_errors()
    def fork(
        self,
        slot_id: int,
        prefix_length: int,
        prompt_ids: Sequence[int],
        features: Sequence[Tensor],
        capacity: int,
        sampling: SamplingParams = GREEDY,
    ) -> int:
        forked_id = self._cache.fork(
            slot_id, prefix_length, self._embed(prompt_ids, features)[prefix_length:], capacity
        )
        self._sampler.start(forked_id, prompt_ids, sampling)
        return forked_id

    @runner_errors()
    def prefill(self, chunks: Sequence[tuple[int, int]]) -> Sequence[int]:
        slot_ids = [slot_id for slot_id, _ in chunks]
        positions = [self._cache[slot_id].length + count for slot_id, count in chunks]
        chosen = self._sampler(slot_ids, self._prefill(chunks), positions)
        self._mark_prefilled(chunks)
        return chosen

    @runner_errors()
    def prefill_scores(self, chunks: Sequence[tuple[int, int]]) -> Tensor:
        """As `prefill`, but the scores of every next token, (chunks, vocabulary)."""
        scores = self._prefill(chunks)
        self._mark_prefilled(chunks)
        return scores

    @runner_errors()
    def decode(self, slot_ids: Sequence[int], tokens: Sequence[int]) -> Sequence[int]:
        scores, order = self._decode(slot_ids, tokens)
        self._sampler.append(slot_ids, tokens)
        ordered = [slot_ids[index] for index in order]
        positions = [self._cache[slot_id].length + 1 for slot_id in ordered]
        chosen = dict(zip(order, self._sampler(ordered, scores, positions), strict=True))
        self._mark_decoded(slot_ids)
        return [chosen[index] for index in range(len(slot_ids))]

    @runner_errors()
    def decode_scores(self, slot_ids: Sequence[int], tokens: Sequence[int]) -> Tensor:
        """As `decode`, but the scores of every next token, (slots, vocabulary)."""
        scores, order = self._decode(slot_ids, tokens)
        self._mark_decoded(slot_ids)
        return torch.stack([scores[order.index(index)] for index in range(len(slot_ids))])

    @runner_errors()
    def sample(self, slot_ids: Sequence[int], scores: Tensor) -> Sequence[int]:
        """The next token of each slot by its scores, (slots, vocabulary)."""
        return self._sampler(slot_ids, scores, [self._cache[slot_id].length for slot_id in slot_ids])

    def on_host(self, array: Tensor) -> Floats:
        """In float32."""
        found: Floats = array.float().cpu().numpy()
        return found

    def _prefill(self, chunks: Sequence[tuple[int, int]]) -> Tensor:
        slots = [(self._cache[slot_id], count) for slot_id, count in chunks]
        positions = [position for slot, count in slots for position in range(slot.length, slot.length + count)]
        tokens = torch.cat([slot.pending[:count] for slot, count in slots])
        attention = PrefillAttention(slots, self._kernel)
        last_tokens = [segment.last - 1 for segment in attention.segments]
        packed = torch.tensor([*positions, *last_tokens], device=self.device)
        return self._text.scores(self._text(tokens, packed[: len(positions)], attention, packed[len(positions) :]))

    def _mark_prefilled(self, chunks: Sequence[tuple[int, int]]) -> None:
        """Only after the whole step has succeeded: until then it can be repeated."""
        for slot_id, count in chunks:
            slot = self._cache[slot_id]
            # Cloned, so that the tokens that were prefilled are freed.
            slot.length, slot.pending = slot.length + count, slot.pending[count:].clone()

    def _decode(self, slot_ids: Sequence[int], tokens: Sequence[int]) -> tuple[Tensor, list[int]]:
        """Scores (slots, vocabulary), and the index in `slot_ids` of each."""
        attention = DecodeAttention([self._cache[slot_id] for slot_id in slot_ids], tokens, self._kernel)
        hidden = self._text(self._text.embed(attention.tokens), attention.positions, attention)
        return self._text.scores(hidden), attention.order

    def _mark_decoded(self, slot_ids: Sequence[int]) -> None:
        for slot_id in slot_ids:
            self._cache[slot_id].length += 1

    def free(self, slot_id: int) -> None:
        self._sampler.free(slot_id)
        with torch.inference_mode():
            self._cache.free(slot_id)

    def empty_cache(self) -> None:
        empty_cache(self.device)

    def trim(self) -> None:
        trim(self.device)

    def close(self) -> None:
        del self._vision, self._text, self._cache, self._sampler
        empty_cache(self.device)

    def _embed(self, prompt_ids: Sequence[int], features: Sequence[Tensor]) -> Tensor:
        """A prompt's embedded tokens (tokens, hidden), with the features at its image positions."""
        positions = [index for index, token in enumerate(prompt_ids) if token == self._image_id] if features else []
        packed = torch.tensor([*prompt_ids, *positions], device=self.device)
        embedded = self._text.embed(packed[: len(prompt_ids)])
        if features:
            embedded.index_copy_(0, packed[len(prompt_ids) :], torch.cat([tile.to(self.device) for tile in features]))
        return embedded
