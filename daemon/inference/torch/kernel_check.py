"""Whether a device's kernels are right at the shapes of the 500M model, and how long they take. Needs no weights.

The demo model has heads of another width (36 instead of 64), for which a device may well take other kernels: what it
shows of a device says little of the real model. Metal has three kernels for attention alone, chosen by the number of
queries and keys (pytorch's Attention.mm): up to 8 queries below 1,024 keys, up to 8 from there on, and more than 8.
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
#: How far a kernel may be off plain attention on the CPU in float32, as a share of the result. In bf16 on a CPU
#: rounding takes the fused kernel 0.005 to 0.010 off, and plain products, which round the weights too, 0.007 to 0.020.
OFF = {torch.float32: 0.001, torch.bfloat16: 0.06}
CALLS = 5
#: Rows, inputs and outputs of the model's most frequent products: of a tile's patches, and of one token in 4 answers.
PRODUCTS = {"a tile": (1024, 768, 3072), "4 tokens": (4, 960, 2560)}


@dataclass(frozen=True)
class Shape:
    """(rows, heads, queries, WIDTH) over (rows, kv_heads, keys, WIDTH). `sees`: "all", "causal", or "mask"."""

    name: str
    rows: int
    heads: int
    kv_heads: int
    queries: int
    keys: int
    sees: str

    @property
    def takes_tokens(self) -> bool:
        """One token a row, whose heads that share keys stand beside each other like queries."""
        return self.queries == HEADS // KV_HEADS


#: As `Writing`, `Reading` and the vision tower ask for them.
SHAPES = (
    *(Shape(f"{rows} rows over {keys:,} keys", rows, KV_HEADS, KV_HEADS, HEADS // KV_HEADS, keys, "mask")
      for rows, keys in ((1, 256), (4, 256), (3, 1024), (4, 1280), (2, 5120))),
    *(Shape(f"{queries} queries behind {keys - queries:,} keys", 1, HEADS, KV_HEADS, queries, keys, "mask")
      for queries, keys in ((9, 2000), (200, 2000))),
    Shape("a prompt of 300 tokens", 1, HEADS, KV_HEADS, 300, 300, "causal"),
    Shape("2 tiles of 1,024 patches", 2, VISION_HEADS, VISION_HEADS, 1024, 1024, "all"),
)  # fmt: skip


@dataclass(frozen=True)
class KernelReport:
    """`off` the truth, and what `fused` and `plain` took, in milliseconds."""

    name: str
    off: float
    fused_ms: float
    plain_ms: float


@dataclass(frozen=True)
class Given:
    query: Tensor
    key: Tensor
    value: Tensor
    mask: Tensor | None
    is_causal: bool

    @classmethod
    def of(cls, shape: Shape) -> Given:
        """The same numbers at every call, in float32 on the CPU."""
        generator = torch.Generator().manual_seed(0)
        sizes = ((shape.heads, shape.queries), (shape.kv_heads, shape.keys), (shape.kv_heads, shape.keys))
        query, key, value = (torch.randn(shape.rows, *size, WIDTH, generator=generator) for size in sizes)
        mask = mask_of(seen(shape), query) if shape.sees == "mask" else None
        return cls(query, key, value, mask, shape.sees == "causal")

    def to(self, device: torch.device, dtype: torch.dtype) -> Given:
        mask = None if self.mask is None else self.mask.to(device, dtype)
        query, key, value = (one.to(device, dtype) for one in (self.query, self.key, self.value))
        return Given(query, key, value, mask, self.is_causal)

    def attended(self, kernel: AttentionKernel) -> Tensor:
        with torch.inference_mode():
            return kernel(
                self.query,
                self.key,
                self.value,
                attn_mask=self.mask,
                is_causal=self.is_causal,
                enable_gqa=self.query.shape[1] != self.key.shape[1],
            )


def seen(shape: Shape) -> Tensor:
    """Rows that take a token see as many keys as they hold, each another number; a prompt's queries what precedes."""
    keys = torch.arange(shape.keys)
    if shape.takes_tokens:
        ends = shape.keys - torch.arange(shape.rows) * (shape.keys // 5) - 7
        return (keys < ends[:, None])[:, None, None]
    return keys <= torch.arange(shape.keys - shape.queries, shape.keys)[:, None]


def kernel_error(kernel: AttentionKernel, device: torch.device, dtype: torch.dtype, *, rows: int) -> str | None:
    """Where a kernel is wrong on a device that is to write so many rows at once, in words, or None.

    Raises RuntimeError when the device has no such kernel.
    """
    for shape in SHAPES:
        if shape.takes_tokens and rows == 1 < shape.rows:
            continue
        given = Given.of(shape)
        if (far := off(given.to(device, dtype).attended(kernel), given.attended(plain))) > OFF[dtype]:
            return f"attention of {shape.name} is {far:.1%} off that of the CPU"
    return None


def findings(device: torch.device, dtype: torch.dtype) -> Iterator[KernelReport]:
    """Every shape's, for a report. Raises RuntimeError when the device has no such kernel."""
    for shape in SHAPES:
        given = Given.of(shape)
        there, truth = given.to(device, dtype), given.attended(plain)
        times = [milliseconds(there, kernel, device) for kernel in (fused, plain)]
        yield KernelReport(shape.name, off(there.attended(fused), truth), *times)


def product_times(device: torch.device, dtype: torch.dtype) -> dict[str, float]:
    """Milliseconds for each of PRODUCTS. Raises RuntimeError when the device does not compute in this dtype."""
    times = {}
    for name, (rows, inputs, outputs) in PRODUCTS.items():
        given, weights = (torch.ones(size, inputs, device=device, dtype=dtype) for size in (rows, outputs))
        times[name] = best_of(partial(torch.nn.functional.linear, given, weights), device)
    return times


def off(found: Tensor, truth: Tensor) -> float:
    """The greatest distance of a query's result, as a share of the truth's spread; infinite where not a number."""
    far = float(((found.float().cpu() - truth).norm(dim=-1) / truth.norm(dim=-1)).max())
    return math.inf if math.isnan(far) else far


def milliseconds(given: Given, kernel: AttentionKernel, device: torch.device) -> float:
    return best_of(lambda: given.attended(kernel), device)


def best_of(compute: Callable[[], Tensor], device: torch.device) -> float:
    """Milliseconds of the best of some calls."""
    best = math.inf
    for _ in range(CALLS):
        synchronize(device)
        began = time.perf_counter()
        compute()
        synchronize(device)
        best = min(best, time.perf_counter() - began)
    return 1000 * best
