"""Linear layers, their weights laid out once for the processor that multiplies them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import gelu, linear

Linear = Callable[[Tensor], Tensor]


def together(*modules: Any) -> Linear:
    """Modules like nn.Linear that are given the same thing, as one: their results lie side by side."""
    weight = torch.cat([module.weight.detach() for module in modules])
    bias = None if modules[0].bias is None else torch.cat([module.bias.detach() for module in modules])
    return laid_out(weight, bias)


def with_gelu(module: Any) -> Linear:
    """A module like nn.Linear with the tanh form of GELU after it, which oneDNN applies to what it still holds."""
    weight, bias = module.weight.detach(), module.bias.detach()
    if gains_by_packing(weight):
        return partial(packed_linear, torch.ops.mkldnn._reorder_linear_weight(weight), bias, then="gelu", form="tanh")
    return lambda given: gelu(linear(given, weight, bias), approximate="tanh")


def laid_out(weight: Tensor, bias: Tensor | None) -> Linear:
    """(any, in) -> (any, out), by a weight (out, in)."""
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
