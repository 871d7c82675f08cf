"""The machine's limits, measured: matrix products and copies; and the model's cost, counted."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from daemon.inference.torch.devices import DTYPES, synchronize

#: Each is timed repeatedly for so long, and the best time counts: the limit, not the average.
MEASURED_SECONDS = 0.4
CALLS = 4
TILES_PER_BATCH = 8


@dataclass(frozen=True)
class MatrixProduct:
    """(rows, inner) times (inner, columns) in `dtype`."""

    dtype: str
    rows: int
    inner: int
    columns: int

    @property
    def operations(self) -> int:
        return 2 * self.rows * self.inner * self.columns


@dataclass(frozen=True)
class ModelCost:
    """The cost of the model's shape: operations for a tile, bytes of weights that every decoded token reads.

    `widths` are the (inner, columns) of the vision tower's products, and `patches` a tile's rows in them.
    """

    operations_per_tile: int
    bytes_per_token: int
    patches: int
    widths: tuple[tuple[int, int], ...]

    def products(self, dtype: str) -> list[MatrixProduct]:
        """The vision tower's products, for one tile and for a batch."""
        rows = (self.patches, TILES_PER_BATCH * self.patches)
        return [MatrixProduct(dtype, count, *width) for count in rows for width in self.widths]


def cost_of(model: Any) -> ModelCost:
    """Counted over a loaded SmolVLMForConditionalGeneration; additions and norms are left out."""
    vision, connector = model.model.vision_model, model.model.connector
    config = vision.config
    patches = (config.image_size // config.patch_size) ** 2
    tokens = patches // model.config.scale_factor**2
    linears = [part for part in vision.encoder.modules() if isinstance(part, torch.nn.Linear)]
    vision_weights = patches * (sum(map(weight_count, linears)) + weight_count(vision.embeddings.patch_embedding))
    connector_weights = tokens * sum(
        weight_count(part) for part in connector.modules() if isinstance(part, torch.nn.Linear)
    )
    attention_products = 2 * patches**2 * config.hidden_size * config.num_hidden_layers
    text = sum(part.numel() * part.element_size() for part in model.model.text_model.layers.parameters())
    head = model.lm_head.weight
    return ModelCost(
        operations_per_tile=2 * (vision_weights + connector_weights + attention_products),
        bytes_per_token=text + head.numel() * head.element_size(),
        patches=patches,
        widths=tuple(sorted({(part.in_features, part.out_features) for part in linears})),
    )


def weight_count(part: Any) -> int:
    count: int = part.weight.numel()
    return count


def product_rate(product: MatrixProduct, device: torch.device) -> float:
    """Operations a second."""
    dtype = DTYPES[product.dtype]
    left = torch.randn(product.rows, product.inner, device=device).to(dtype)
    right = torch.randn(product.inner, product.columns, device=device).to(dtype)
    result = torch.empty(product.rows, product.columns, device=device, dtype=dtype)
    return product.operations / best_seconds(lambda: torch.mm(left, right, out=result), device)


def copy_rate(size: int, device: torch.device) -> float:
    """Bytes a second of a copy of so many bytes, reads plus writes."""
    source = torch.ones(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * size / best_seconds(lambda: target.copy_(source), device)


def best_seconds(act: Callable[[], object], device: torch.device) -> float:
    """Seconds of one call, in the fastest of several series of CALLS."""
    act()
    best, deadline = float("inf"), time.perf_counter() + MEASURED_SECONDS
    with torch.inference_mode():
        while time.perf_counter() < deadline:
            synchronize(device)
            began = time.perf_counter()
            for _ in range(CALLS):
                act()
            synchronize(device)
            best = min(best, (time.perf_counter() - began) / CALLS)
    return best


def thread_count() -> int:
    """How many threads torch uses."""
    return torch.get_num_threads()
