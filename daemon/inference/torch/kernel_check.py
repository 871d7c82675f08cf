"""Checks and times a device's kernels at the shapes of the 500M model. Needs no weights.

The demo model has heads of another width (36 instead of 64), for which a device can use other kernels, so that it
proves little about the real model. Metal has three kernels for attention alone, chosen by the number of queries and
keys (pytorch's Attention.mm): up to 8 queries below 1,024 keys, up to 8 from there on, and more than 8.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from daemon.inference.torch.attention import AttentionKernel, fused, mask_of, plain
from daemon.inference.torch.devices import synchronize

WIDTH, HEADS, KV_HEADS, VISION_HEADS = 64, 15, 5, 12
#: Limit for a kernel's error against plain attention on the CPU in float32, as a share of the result. In bf16 on a CPU
#: the fused kernel is 0.005 to 0.010 off by rounding, and plain products, which round the weights too, 0.007 to 0.020.
MAX_ERROR = {torch.float32: 0.001, torch.bfloat16: 0.06}
CALLS = 5
#: Rows, inputs and outputs of the model's most frequent products: a tile's patches, and one token of 4 answers.
PRODUCTS = {"a tile": (1024, 768, 3072), "4 tokens": (4, 960, 2560)}


@dataclass(frozen=True)
class AttentionShape:
    """(rows, heads, queries, WIDTH) over (rows, kv_heads, keys, WIDTH). `visibility`: "all", "causal", or "mask"."""

    name: str
    rows: int
    heads: int
    kv_heads: int
    queries: int
    keys: int
    visibility: str

    @property
    def is_decode(self) -> bool:
        """One token a row, where the heads that share keys are stacked like queries."""
        return self.queries == HEADS // KV_HEADS


#: As in `DecodeAttention`, `PrefillAttention` and the vision tower.
SHAPES = (
    *(AttentionShape(f"{rows} rows over {keys:,} keys", rows, KV_HEADS, KV_HEADS, HEADS // KV_HEADS, keys, "mask")
      for rows, keys in ((1, 256), (4, 256), (3, 1024), (4, 1280), (2, 5120))),
    *(AttentionShape(f"{queries} queries behind {keys - queries:,} keys", 1, HEADS, KV_HEADS, queries, keys, "mask")
      for queries, keys in ((9, 2000), (200, 2000))),
    AttentionShape("a prompt of 300 tokens", 1, HEADS, KV_HEADS, 300, 300, "causal"),
    AttentionShape("2 tiles of 1,024 patches", 2, VISION_HEADS, VISION_HEADS, 1024, 1024, "all"),
)  # fmt: skip


@dataclass(frozen=True)
class KernelReport:
    """`off`: the error of `fused`; then the times of `fused` and `plain`. The fields are keys of the probe's JSON."""

    name: str
    off: float
    fused_ms: float
    plain_ms: float


@dataclass(frozen=True)
class AttentionInputs:
    query: Tensor
    key: Tensor
    value: Tensor
    mask: Tensor | None
    is_causal: bool

    @classmethod
    def of(cls, shape: AttentionShape) -> AttentionInputs:
        """The same numbers at every call, in float32 on the CPU."""
        generator = torch.Generator().manual_seed(0)
        sizes = ((shape.heads, shape.queries), (shape.kv_heads, shape.keys), (shape.kv_heads, shape.keys))
        query, key, value = (torch.randn(shape.rows, *size, WIDTH, generator=generator) for size in sizes)
        mask = mask_of(visible_keys(shape), query) if shape.visibility == "mask" else None
        return cls(query, key, value, mask, shape.visibility == "causal")

    def to(self, device: torch.device, dtype: torch.dtype) -> AttentionInputs:
        mask = None if self.mask is None else self.mask.to(device, dtype)
        query, key, value = (tensor.to(device, dtype) for tensor in (self.query, self.key, self.value))
        return AttentionInputs(query, key, value, mask, self.is_causal)

    def run(self, kernel: AttentionKernel) -> Tensor:
        with torch.inference_mode():
            return kernel(
                self.query,
                self.key,
                self.value,
                attn_mask=self.mask,
                is_causal=self.is_causal,
                enable_gqa=self.query.shape[1] != self.key.shape[1],
            )


def visible_keys(shape: AttentionShape) -> Tensor:
    """In a decode step each row sees its own number of keys; a prompt's query sees the keys before it."""
    keys = torch.arange(shape.keys)
    if shape.is_decode:
        ends = shape.keys - torch.arange(shape.rows) * (shape.keys // 5) - 7
        return (keys < ends[:, None])[:, None, None]
    return keys <= torch.arange(shape.keys - shape.queries, shape.keys)[:, None]


def kernel_error(kernel: AttentionKernel, device: torch.device, dtype: torch.dtype, *, rows: int) -> str | None:
    """Where a kernel is wrong on a device that decodes so many rows at once, as text, or None.

    Raises RuntimeError when the device has no such kernel.
    """
    for shape in SHAPES:
        if shape.is_decode and rows == 1 < shape.rows:
            continue
        inputs = AttentionInputs.of(shape)
        if (error := relative_error(inputs.to(device, dtype).run(kernel), inputs.run(plain))) > MAX_ERROR[dtype]:
            return f"attention of {shape.name} is {error:.1%} off that of the CPU"
    return None


def kernel_reports(device: torch.device, dtype: torch.dtype) -> Iterator[KernelReport]:
    """A report on every shape. Raises RuntimeError when the device has no such kernel."""
    for shape in SHAPES:
        inputs = AttentionInputs.of(shape)
        on_device, expected = inputs.to(device, dtype), inputs.run(plain)
        times = [milliseconds(on_device, kernel, device) for kernel in (fused, plain)]
        yield KernelReport(shape.name, relative_error(on_device.run(fused), expected), *times)


def product_times(device: torch.device, dtype: torch.dtype) -> dict[str, float]:
    """Milliseconds for each of PRODUCTS. Raises RuntimeError when the device does not compute in this dtype."""
    times = {}
    for name, (rows, width, outputs) in PRODUCTS.items():
        inputs, weights = (torch.ones(size, width, device=device, dtype=dtype) for size in (rows, outputs))
        times[name] = best_of(partial(torch.nn.functional.linear, inputs, weights), device)
    return times


def relative_error(found: Tensor, expected: Tensor) -> float:
    """The greatest error of a query's result, as a share of the expected result; infinite for NaN."""
    error = float(((found.float().cpu() - expected).norm(dim=-1) / expected.norm(dim=-1)).max())
    return math.inf if math.isnan(error) else error


def milliseconds(inputs: AttentionInputs, kernel: AttentionKernel, device: torch.device) -> float:
    return best_of(lambda: inputs.run(kernel), device)


def best_of(compute: Callable[[], Tensor], device: torch.device) -> float:
    """Milliseconds of the fastest of CALLS calls."""
    best = math.inf
    for _ in range(CALLS):
        synchronize(device)
        began = time.perf_counter()
        compute()
        synchronize(device)
        best = min(best, time.perf_counter() - began)
    return 1000 * best
