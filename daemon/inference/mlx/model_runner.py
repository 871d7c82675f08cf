"""SmolVLM in MLX: tiles -> features, slots of tokens and features -> next tokens. Knows no requests and no text.

Everything must be called on the thread that loaded the model: MLX's streams belong to their thread (mlx#3727). Only
`from_bytes`, which makes no MLX array, may be called elsewhere.

The host waits for the device in `_evaluate` alone: once a step. With `look_ahead` the next decode step is started
before the tokens of this one are read, so that a GPU computes while Python prepares.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from daemon.inference.batch.runner_protocol import RunnerError, RunnerMemoryError
from daemon.inference.mlx.attention import PrefillAttention
from daemon.inference.mlx.decode_step import DecodeSteps, StepResult
from daemon.inference.mlx.devices import NAMES, empty_cache, free_memory, is_gpu, memory_bytes
from daemon.inference.mlx.kv_cache import KVCache, Slot
from daemon.inference.mlx.sampler import Sampler, most_likely
from daemon.inference.mlx.tensor_reader import Weights, read_weights
from daemon.inference.mlx.text_model import TextModel
from daemon.inference.mlx.vision_model import VisionModel
from daemon.inference.sampling_params import GREEDY, SamplingParams
from daemon.inference.smolvlm.architecture import Architecture, read_architecture
from daemon.inference.smolvlm.processor import Floats

#: The KV cache's share of the memory that is free after loading: a step may need it twice, and features, tiles and
#: activations need memory too.
CACHE_SHARE = 0.25
MEMORY_ERROR_TEXTS = ("out of memory", "OutOfMemory", "Insufficient Memory", "allocate", "malloc")

#: A tile's features (tokens, hidden): on the device, or their bytes, which `add` and `fork` copy there.
Features = mx.array | NDArray[np.uint8]


@contextmanager
def runner_errors() -> Iterator[None]:
    """Turns MLX's errors into RunnerError, or RunnerMemoryError by their text."""
    try:
        yield
    except (RuntimeError, ValueError, MemoryError) as error:
        is_memory = isinstance(error, MemoryError) or any(text in str(error) for text in MEMORY_ERROR_TEXTS)
        raise (RunnerMemoryError if is_memory else RunnerError)(str(error) or "out of memory") from None


class MlxRunner:
    """A DeviceRunner: tiles are (3, tile, tile), features (tokens a tile, hidden)."""

    block = 256

    def __init__(
        self,
        weights: Weights,
        architecture: Architecture,
        device: mx.Device,
        dtype: mx.Dtype,
        *,
        look_ahead: bool | None = None,
    ) -> None:
        """`look_ahead` None: on a GPU. There the steps are also compiled."""
        self.device, self.dtype = device, dtype
        self.dtype_name = name_of(dtype, weights)
        self._image_id = architecture.image_id
        self._vision, self._text = VisionModel(weights, architecture), TextModel(weights, architecture)
        self._cache = KVCache(self._text.cache_shape)
        self._steps = DecodeSteps(self._text, compiled=is_gpu(device))
        self._sampler = Sampler(architecture.text.vocabulary, self._evaluate)
        self._looks_ahead = is_gpu(device) if look_ahead is None else look_ahead
        self._ahead: StepResult | None = None
        self._expected: dict[Slot, int] = {}
        #: How often the host waited for the device.
        self.waits = 0
        empty_cache()

    @classmethod
    def from_folder(
        cls,
        folder: Path,
        device: mx.Device,
        dtype: mx.Dtype,
        *,
        bits: int | None = None,
        look_ahead: bool | None = None,
    ) -> MlxRunner:
        """Load the weights in `dtype`, or quantized to `bits`; raises ModelUnavailableError if some are missing."""
        architecture = read_architecture(folder)
        weights = read_weights(folder, architecture, dtype, bits)
        return cls(weights, architecture, device, dtype, look_ahead=look_ahead)

    @property
    def device_type(self) -> str:
        return NAMES["gpu" if is_gpu(self.device) else "cpu"]

    @property
    def feature_dtype_name(self) -> str:
        return str(self.dtype).removeprefix("mlx.core.")

    @property
    def decode_steps(self) -> int:
        """How many decode steps were started."""
        return self._steps.count

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
    def encode_images(self, tiles: Sequence[Floats]) -> list[Features]:
        features = self._vision(mx.array(np.stack(tiles)).astype(self.dtype))
        self._evaluate(features)
        return list(features)

    def to_bytes(self, features: Features) -> bytes:
        return (np.array(features.view(mx.uint8)) if isinstance(features, mx.array) else features).tobytes()

    def from_bytes(self, content: bytes) -> Features:
        return np.frombuffer(content, np.uint8)

    @runner_errors()
    def add(
        self, prompt_ids: Sequence[int], features: Sequence[Features], capacity: int, sampling: SamplingParams = GREEDY
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
        features: Sequence[Features],
        capacity: int,
        sampling: SamplingParams = GREEDY,
    ) -> int:
        forked_id = self._cache.fork(slot_id, prefix_length, self._embed(prompt_ids, features), capacity)
        self._sampler.start(forked_id, prompt_ids, sampling)
        return forked_id

    @runner_errors()
    def prefill(self, chunks: Sequence[tuple[int, int]]) -> Sequence[int]:
        scores = self._prefill(chunks)
        slot_ids = [slot_id for slot_id, _ in chunks]
        positions = [self._cache[slot_id].length + count for slot_id, count in chunks]
        tokens = self._sampler(slot_ids, range(len(chunks)), (scores, *most_likely(scores)), positions)
        self._mark_prefilled(chunks)
        return tokens

    @runner_errors()
    def prefill_scores(self, chunks: Sequence[tuple[int, int]]) -> mx.array:
        """As `prefill`, but the scores of every next token, (chunks, vocabulary)."""
        scores = self._prefill(chunks)
        self._evaluate(scores)
        self._mark_prefilled(chunks)
        return scores

    @runner_errors()
    def decode(self, slot_ids: Sequence[int], tokens: Sequence[int]) -> Sequence[int]:
        slots = [self._cache[slot_id] for slot_id in slot_ids]
        step = self._step(slots, tokens)
        self._sampler.append(slot_ids, tokens)
        if self._looks_ahead and self._sampler.is_greedy(slot_ids) and len(step.rows) == len(slots):
            self._ahead = self._steps.after(step)
            mx.async_eval(self._ahead.tokens, self._ahead.finite)
        rows, positions = [step.rows[slot] for slot in slots], [slot.length + 1 for slot in slots]
        chosen = self._sampler(slot_ids, rows, (step.scores, step.tokens, step.finite), positions)
        self._mark_decoded(slots)
        self._expected = dict(zip(slots, chosen, strict=True))
        return chosen

    @runner_errors()
    def decode_scores(self, slot_ids: Sequence[int], tokens: Sequence[int]) -> mx.array:
        """As `decode`, but the scores of every next token, (slots, vocabulary)."""
        slots = [self._cache[slot_id] for slot_id in slot_ids]
        step = self._step(slots, tokens)
        scores = step.scores[mx.array([step.rows[slot] for slot in slots])]
        self._evaluate(scores)
        self._mark_decoded(slots)
        return scores

    @runner_errors()
    def sample(self, slot_ids: Sequence[int], scores: mx.array) -> Sequence[int]:
        """The next token of each slot by its scores, (slots, vocabulary)."""
        positions = [self._cache[slot_id].length for slot_id in slot_ids]
        return self._sampler(slot_ids, range(len(slot_ids)), (scores, *most_likely(scores)), positions)

    def on_host(self, array: mx.array) -> Floats:
        """In float32."""
        return np.array(array.astype(mx.float32))

    def _step(self, slots: Sequence[Slot], tokens: Sequence[int]) -> StepResult:
        """The step that was started ahead, if it holds these tokens of these slots, else a new one."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None and all(
            slot in ahead.rows and self._expected.get(slot) == token for slot, token in zip(slots, tokens, strict=True)
        ):
            return ahead
        return self._steps.first(slots, tokens)

    def _prefill(self, chunks: Sequence[tuple[int, int]]) -> mx.array:
        slots = [(self._cache[slot_id], count) for slot_id, count in chunks]
        positions = [position for slot, count in slots for position in range(slot.length, slot.length + count)]
        prompts = [slot.prompt[slot.length : slot.length + count] for slot, count in slots if slot.prompt is not None]
        attention = PrefillAttention(slots)
        last_tokens = mx.array([segment.last - 1 for segment in attention.segments])
        hidden = self._text(mx.concatenate(prompts), mx.array(positions), attention, last_tokens)
        return self._text.scores(hidden)

    def _mark_prefilled(self, chunks: Sequence[tuple[int, int]]) -> None:
        """Only after the whole step has succeeded: until then it can be repeated."""
        for slot_id, count in chunks:
            slot = self._cache[slot_id]
            slot.length += count
            if slot.prompt is not None and slot.length == len(slot.prompt):
                slot.prompt = None

    def _mark_decoded(self, slots: Sequence[Slot]) -> None:
        for slot in slots:
            slot.length += 1

    def _evaluate(self, *arrays: mx.array) -> None:
        """Wait until the device has computed these: the only place where the host waits."""
        self.waits += 1
        mx.eval(*arrays)

    def free(self, slot_id: int) -> None:
        self._sampler.free(slot_id)
        self._cache.free(slot_id)

    def empty_cache(self) -> None:
        empty_cache()

    def trim(self) -> None:
        """MLX keeps no more for reuse than its cache limit (`use_device`)."""

    def close(self) -> None:
        del self._vision, self._text, self._cache, self._steps, self._sampler, self._ahead
        empty_cache()

    def _embed(self, prompt_ids: Sequence[int], features: Sequence[Features]) -> mx.array:
        """A prompt's embedded tokens (tokens, hidden), with the features at its image positions."""
        embedded = self._text.embed(mx.array(list(prompt_ids)))
        if features:
            positions = [index for index, token in enumerate(prompt_ids) if token == self._image_id]
            embedded[mx.array(positions)] = mx.concatenate([self._on_device(tile) for tile in features])
        return embedded

    def _on_device(self, features: Features) -> mx.array:
        if isinstance(features, mx.array):
            return features
        return mx.array(features).view(self.dtype).reshape(-1, self._text.shape.hidden)


def name_of(dtype: mx.Dtype, weights: Weights) -> str:
    return f"int{weights.bits}" if weights.bits else str(dtype).removeprefix("mlx.core.")
