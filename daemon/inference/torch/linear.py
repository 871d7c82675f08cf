"""Linear layers whose weights are laid out once for the processor, in 16 or 8 bits."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import gelu, linear

Linear = Callable[[Tensor], Tensor]
#: (weight (out, in), bias or None) -> (any, in) -> (any, out).
Layout = Callable[[Tensor, Tensor | None], Linear]

#: 8-bit weights reach from -127 to 127; oneDNN is fast only with activations from 0 on. torch converts to signed
#: integers ten times faster than to unsigned ones, and flipping their highest bit adds 128.
MAX_LEVEL, ZERO_POINT = 127, 128
#: Rows that are quantized at once: their intermediate results stay in the CPU's cache.
ROWS_PER_BLOCK = 256


def native_layout(weight: Tensor, bias: Tensor | None) -> Linear:
    """In the weight's own dtype."""
    if should_pack(weight):
        return partial(packed_linear, torch.ops.mkldnn._reorder_linear_weight(weight), bias)
    return partial(linear, weight=weight, bias=bias)


def should_pack(weight: Tensor) -> bool:
    """oneDNN would reorder a bf16 weight at every call, which is half the time of a small product."""
    onednn: Any = torch.backends.mkldnn
    if weight.device.type != "cpu" or weight.dtype is not torch.bfloat16 or not onednn.is_available():
        return False
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def packed_linear(
    packed: Tensor, bias: Tensor | None, inputs: Tensor, *, post_op: str = "none", algorithm: str = ""
) -> Tensor:
    product: Tensor = torch.ops.mkldnn._linear_pointwise(inputs, packed, bias, post_op, [], algorithm)
    return product


def fused_linear(*modules: Any, layout: Layout = native_layout) -> Linear:
    """Modules like nn.Linear with the same input as one layer: their outputs are concatenated."""
    weight = torch.cat([module.weight.detach() for module in modules])
    bias = None if modules[0].bias is None else torch.cat([module.bias.detach() for module in modules])
    return layout(weight, bias)


def gelu_linear(module: Any, *, layout: Layout = native_layout) -> Linear:
    """A module like nn.Linear, then GELU in its tanh form, which oneDNN fuses with the product.

    In 8 bits it is exact GELU: at most 0.0005 apart, far below one level, and four times faster in torch.
    """
    weight, bias = module.weight.detach(), module.bias.detach()
    if layout is native_layout and should_pack(weight):
        return partial(
            packed_linear, torch.ops.mkldnn._reorder_linear_weight(weight), bias, post_op="gelu", algorithm="tanh"
        )
    multiply, algorithm = layout(weight, bias), "none" if layout is int8_layout else "tanh"
    return lambda inputs: gelu(multiply(inputs), approximate=algorithm)


def int8_layout(weight: Tensor, bias: Tensor | None) -> Linear:
    """In 8 bits, with one scale for each output of the weight."""
    scales = weight.float().abs().amax(1).clamp_min(torch.finfo(torch.float32).tiny) / MAX_LEVEL
    levels = (weight.float() / scales[:, None]).round().to(torch.int8)
    packed = torch.ops.onednn.qlinear_prepack(levels, None)
    return partial(int8_linear, packed, scales, torch.zeros(len(scales), dtype=torch.int64), bias)


def int8_linear(packed: Tensor, scales: Tensor, zeros: Tensor, bias: Tensor | None, inputs: Tensor) -> Tensor:
    """Quantizes each input row by its own largest number, so that rows do not depend on each other."""
    rows = inputs.flatten(0, -2)
    levels, steps = quantize_rows(rows)
    product: Tensor = torch.ops.onednn.qlinear_pointwise(
        levels, 1.0, ZERO_POINT, packed, scales, zeros, None, 1.0, 0, inputs.dtype, "none", [], ""
    )
    product = product * steps if bias is None else torch.addcmul(bias, product, steps)
    return product.view(*inputs.shape[:-1], -1)


def quantize_rows(rows: Tensor) -> tuple[Tensor, Tensor]:
    """(rows, in) -> levels (rows, in) around ZERO_POINT, and the size of one level in each row, (rows, 1)."""
    levels = torch.empty(rows.shape, dtype=torch.int8)
    steps = torch.empty(len(rows), 1)
    for first in range(0, len(rows), ROWS_PER_BLOCK):
        block = slice(first, first + ROWS_PER_BLOCK)
        largest = rows[block].abs().amax(-1, keepdim=True).float()
        steps[block] = largest.clamp_min(torch.finfo(torch.float32).tiny) / MAX_LEVEL
        levels[block] = (rows[block] / steps[block]).round_()
    return levels.view(torch.uint8).bitwise_xor_(ZERO_POINT), steps.to(rows.dtype)
