"""Linear layers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import Tensor
from torch.nn.functional import linear

Linear = Callable[[Tensor], Tensor]


def laid_out(weight: Tensor, bias: Tensor | None) -> Linear:
    """(tokens, in) -> (tokens, out), by a weight (out, in)."""
    return partial(linear, weight=weight, bias=bias)
