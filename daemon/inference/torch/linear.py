"""Linear layers, their weights laid out once for the processor that multiplies them, in 16 bits or in 8."""

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

#: Numbers in 8 bits reach from -127 to 127; oneDNN is quick with activations only if they begin at 0. torch converts to
#: signed numbers ten times faster than to unsigned ones, and to turn the highest bit of those is to add 128.
LEVELS, MIDDLE = 127, 128
#: So many rows are brought to 8 bits at once that what is computed in between stays in the cache.
ROWS_AT_ONCE = 256


def laid_out(weight: Tensor, bias: Tensor | None) -> Linear:
    """In the numbers that the weight has."""
    if gains_by_packing(weight):
        return partial(packed_linear, torch.ops.mkldnn._reorder_linear_weight(weight), bias)
    return partial(linear, weight=weight, bias=bias)


def gains_by_packing(weight: Tensor) -> bool:
    """oneDNN would bring a bf16 weight into its own order at every call: half the time of a small product."""
    onednn: Any = torch.backends.mkldnn
    if weight.device.type != "cpu" or weight.dtype is not torch.bfloat16 or not onednn.is_available():
        return False
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def packed_linear(packed: Tensor, bias: Tensor | None, given: Tensor, *, then: str = "none", form: str = "") -> Tensor:
    product: Tensor = torch.ops.mkldnn._linear_pointwise(given, packed, bias, then, [], form)
    return product


def together(*modules: Any, lay: Layout = laid_out) -> Linear:
    """Modules like nn.Linear that are given the same thing, as one: their results lie side by side."""
    weight = torch.cat([module.weight.detach() for module in modules])
    bias = None if modules[0].bias is None else torch.cat([module.bias.detach() for module in modules])
    return lay(weight, bias)


def with_gelu(module: Any, *, lay: Layout = laid_out) -> Linear:
    """A module like nn.Linear with the tanh form of GELU after it, which oneDNN applies to what it still holds.

    In 8 bits it is GELU itself: the two are at most 0.0005 apart, far below a level, and torch is four times faster.
    """
    weight, bias = module.weight.detach(), module.bias.detach()
    if lay is laid_out and gains_by_packing(weight):
        return partial(packed_linear, torch.ops.mkldnn._reorder_linear_weight(weight), bias, then="gelu", form="tanh")
    multiply, form = lay(weight, bias), "none" if lay is int8_laid_out else "tanh"
    return lambda given: gelu(multiply(given), approximate=form)


def int8_laid_out(weight: Tensor, bias: Tensor | None) -> Linear:
    """In 8 bits, each output of the weight with a scale of its own."""
    scales = weight.float().abs().amax(1).clamp_min(torch.finfo(torch.float32).tiny) / LEVELS
    levels = (weight.float() / scales[:, None]).round().to(torch.int8)
    packed = torch.ops.onednn.qlinear_prepack(levels, None)
    return partial(int8_linear, packed, scales, torch.zeros(len(scales), dtype=torch.int64), bias)


def int8_linear(packed: Tensor, scales: Tensor, zeros: Tensor, bias: Tensor | None, given: Tensor) -> Tensor:
    """Each row of what is given is brought to 8 bits by its own largest number, so that rows do not know each other."""
    rows = given.flatten(0, -2)
    levels, steps = in_8_bits(rows)
    product: Tensor = torch.ops.onednn.qlinear_pointwise(
        levels, 1.0, MIDDLE, packed, scales, zeros, None, 1.0, 0, given.dtype, "none", [], ""
    )
    product = product * steps if bias is None else torch.addcmul(bias, product, steps)
    return product.view(*given.shape[:-1], -1)


def in_8_bits(rows: Tensor) -> tuple[Tensor, Tensor]:
    """(rows, in) -> levels (rows, in) about MIDDLE, and what one level means in each row, (rows, 1)."""
    levels = torch.empty(rows.shape, dtype=torch.int8)
    steps = torch.empty(len(rows), 1)
    for first in range(0, len(rows), ROWS_AT_ONCE):
        some = slice(first, first + ROWS_AT_ONCE)
        largest = rows[some].abs().amax(-1, keepdim=True).float()
        steps[some] = largest.clamp_min(torch.finfo(torch.float32).tiny) / LEVELS
        levels[some] = (rows[some] / steps[some]).round_()
    return levels.view(torch.uint8).bitwise_xor_(MIDDLE), steps.to(rows.dtype)
