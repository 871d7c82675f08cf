"""SmolVLM in torch: tiles -> features, rows of tokens and features -> next tokens. Knows no requests and no text."""

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
from daemon.inference.smolvlm.processor import Floats
from daemon.inference.torch.attention import AttentionKernel, DecodeAttention, PrefillAttention, best_kernel
from daemon.inference.torch.devices import empty_cache, free_memory, memory_of, synchronize, trim
from daemon.inference.torch.kv_cache import KVCache
from daemon.inference.torch.linear import Layout, int8_laid_out, laid_out
from daemon.inference.torch.sampler import Sampler
from daemon.inference.torch.text_model import TextModel
from daemon.inference.torch.vision_model import VisionModel

#: The share of the memory that is free after loading which keys and values may take. Shelves may have twice the slots
#: that are used, and features, tiles and what is computed in between need theirs.
CACHE_SHARE = 0.25
SHORT_OF_MEMORY = ("out of memory", "allocate memory", "not enough memory", "Invalid buffer size")


@contextmanager
def failing() -> Iterator[None]:
    """What torch raises becomes a RunnerError; a RunnerMemoryError if it says so."""
    try:
        with torch.inference_mode():
            yield
    except (RuntimeError, MemoryError) as error:
        short = isinstance(error, MemoryError) or any(sign in str(error) for sign in SHORT_OF_MEMORY)
        raise (RunnerMemoryError if short else RunnerError)(str(error) or "out of memory") from None


class TorchRunner:
    """One loaded model, as the batch needs it: tiles are (3, tile, tile), features (tokens a tile, hidden).

    Without a `kernel`, attention is the one that is quickest on the device.
    """

    block = 256

    def __init__(
        self,
        model: Any,
        device: torch.device,
        dtype: torch.dtype,
        lay: Layout = laid_out,
        kernel: AttentionKernel | None = None,
    ) -> None:
        self.device = device
        self.dtype = dtype
        self.dtype_name = "int8" if lay is int8_laid_out else str(dtype).removeprefix("torch.")
        self._image_id: int = model.config.image_token_id
        self._kernel = kernel or best_kernel(device)
        with torch.inference_mode():
            self._vision = VisionModel(model, lay, self._kernel)
            self._text = TextModel(model, lay)
        self._cache = KVCache(self._text.cache_shape)
        self._sampler = Sampler(model.config.text_config.vocab_size, device)

    @classmethod
    def from_folder(
        cls,
        folder: Path,
        device: torch.device,
        dtype: torch.dtype,
        lay: Layout = laid_out,
        kernel: AttentionKernel | None = None,
    ) -> TorchRunner:
        """Load the weights straight in `dtype`; raises ModelUnavailableError unless all of them are there and fit."""
        silence: Any = logging.disable_progress_bar
        silence()
        try:
            loaded: Any = SmolVLMForConditionalGeneration.from_pretrained(
                folder, dtype=dtype, local_files_only=True, output_loading_info=True
            )
        except Exception as error:  # whatever damaged files make the libraries raise
            raise ModelUnavailableError(f"The weights in {folder} cannot be loaded: {error}") from error
        model, report = loaded
        wrong = {kind: sorted(map(str, names)) for kind, names in report.items() if names}
        if wrong:
            told = "; ".join(f"{kind.replace('_', ' ')}: {', '.join(names[:3])}" for kind, names in wrong.items())
            raise ModelUnavailableError(f"The weights in {folder} are not a SmolVLM's: {told}")
        for parameter in model.parameters():
            # The loaded ones are the file itself, mapped; one of them left would keep all of it in memory.
            parameter.data = parameter.data.to(device, copy=True)
        return cls(model.to(device).eval(), device, dtype, lay, kernel)

    @property
    def device_type(self) -> str:
        return self.device.type

    @property
    def tokens_that_fit(self) -> int:
        """How many tokens' keys and values the memory that is free now should be given to."""
        return int(free_memory(self.device) * CACHE_SHARE) // self._text.cache_shape.bytes_a_token

    @property
    def cache_bytes(self) -> int:
        """What the keys and values of all rows take now."""
        return self._cache.nbytes

    @property
    def device_memory_bytes(self) -> int:
        return memory_of(self.device)

    @failing()
    def encode_images(self, tiles: Sequence[Floats]) -> list[Tensor]:
        pixels = torch.from_numpy(np.stack(tiles)).to(self.device, self.dtype)
        seen = self._vision(pixels)
        synchronize(self.device)
        return list(seen)

    @failing()
    def add(
        self, ids: Sequence[int], features: Sequence[Tensor], capacity: int, sampling: SamplingParams = GREEDY
    ) -> int:
        row = self._cache.add(self._embed(ids, features), capacity)
        self._sampler.begin(row, ids, sampling)
        return row

    @failing()
    def fork(
        self,
        row: int,
        shared: int,
        ids: Sequence[int],
        features: Sequence[Tensor],
        capacity: int,
        sampling: SamplingParams = GREEDY,
    ) -> int:
        forked = self._cache.fork(row, shared, self._embed(ids, features)[shared:], capacity)
        self._sampler.begin(forked, ids, sampling)
        return forked

    @failing()
    def prefill(self, parts: Sequence[tuple[int, int]]) -> Sequence[int]:
        chosen = self._sampler([number for number, _ in parts], self._prefill(parts))
        self._mark_prefilled(parts)
        return chosen

    @failing()
    def prefill_scores(self, parts: Sequence[tuple[int, int]]) -> Tensor:
        """As `prefill`, but how likely every token is to come next in each row, (rows, vocabulary)."""
        scores = self._prefill(parts)
        self._mark_prefilled(parts)
        return scores

    @failing()
    def decode(self, rows: Sequence[int], tokens: Sequence[int]) -> Sequence[int]:
        scores, order = self._decode(rows, tokens)
        self._sampler.take(rows, tokens)
        chosen = dict(zip(order, self._sampler([rows[number] for number in order], scores), strict=True))
        self._mark_decoded(rows)
        return [chosen[number] for number in range(len(rows))]

    @failing()
    def decode_scores(self, rows: Sequence[int], tokens: Sequence[int]) -> Tensor:
        """As `decode`, but how likely every token is to come next in each row, (rows, vocabulary)."""
        scores, order = self._decode(rows, tokens)
        self._mark_decoded(rows)
        return torch.stack([scores[order.index(number)] for number in range(len(rows))])

    @failing()
    def sample(self, rows: Sequence[int], scores: Tensor) -> Sequence[int]:
        """The next token of each row by its scores, (rows, vocabulary)."""
        return self._sampler(rows, scores)

    def _prefill(self, parts: Sequence[tuple[int, int]]) -> Tensor:
        rows = [(self._cache[number], count) for number, count in parts]
        places = [place for row, count in rows for place in range(row.length, row.length + count)]
        tokens = torch.cat([row.pending[:count] for row, count in rows])
        reading = PrefillAttention(rows, self._kernel)
        packed = torch.tensor([*places, *(part.last - 1 for part in reading.parts)], device=self.device)
        return self._text.scores(self._text(tokens, packed[: len(places)], reading, packed[len(places) :]))

    def _mark_prefilled(self, parts: Sequence[tuple[int, int]]) -> None:
        """Only what has succeeded to the end counts: until then it may be repeated."""
        for number, count in parts:
            row = self._cache[number]
            # Copied, so that what was read is let go.
            row.length, row.pending = row.length + count, row.pending[count:].clone()

    def _decode(self, rows: Sequence[int], tokens: Sequence[int]) -> tuple[Tensor, list[int]]:
        """Scores (rows, vocabulary), and which of the rows each is of."""
        writing = DecodeAttention([self._cache[number] for number in rows], tokens, self._kernel)
        hidden = self._text(self._text.embed(writing.tokens), writing.places, writing)
        return self._text.scores(hidden), writing.order

    def _mark_decoded(self, rows: Sequence[int]) -> None:
        for number in rows:
            self._cache[number].length += 1

    def free(self, row: int) -> None:
        self._sampler.free(row)
        with torch.inference_mode():
            self._cache.free(row)

    def empty_cache(self) -> None:
        empty_cache(self.device)

    def trim(self) -> None:
        trim(self.device)

    def close(self) -> None:
        del self._vision, self._text, self._cache, self._sampler
        empty_cache(self.device)

    def _embed(self, ids: Sequence[int], features: Sequence[Tensor]) -> Tensor:
        """A prompt's tokens (tokens, hidden), with the features where `<image>` stands."""
        places = [place for place, token in enumerate(ids) if token == self._image_id] if features else []
        packed = torch.tensor([*ids, *places], device=self.device)
        embedded = self._text.embed(packed[: len(ids)])
        if features:
            embedded.index_copy_(0, packed[len(ids) :], torch.cat(list(features)))
        return embedded
