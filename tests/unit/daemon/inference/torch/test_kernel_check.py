"""Attention at the real model's shapes is tried without its weights: sound kernels pass, wrong ones are named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from daemon.inference.torch.attention import AttentionKernel, fused, plain
from daemon.inference.torch.kernel_check import MAX_ERROR, SHAPES, kernel_error, kernel_reports

CPU, F32, BF16 = torch.device("cpu"), torch.float32, torch.bfloat16


@pytest.mark.parametrize("kernel", [fused, plain])
@pytest.mark.parametrize("dtype", [F32, BF16])
def test_sound_kernels_pass(kernel: AttentionKernel, dtype: torch.dtype) -> None:
    assert kernel_error(kernel, CPU, dtype, rows=8) is None


def wrong(when: Callable[[Tensor, Tensor, dict[str, Any]], bool], by: Callable[[Tensor], Tensor]) -> AttentionKernel:
    """A kernel that is right but for some shapes."""

    def kernel(query: Tensor, key: Tensor, value: Tensor, **more: Any) -> Tensor:
        attended = fused(query, key, value, **more)
        return by(attended) if when(query, key, more) else attended

    return kernel


FAULTS: dict[str, AttentionKernel] = {
    "1,024 keys": wrong(lambda query, key, _: query.shape[-2] <= 8 and key.shape[-2] >= 1024, lambda out: 1.1 * out),
    "4 rows": wrong(lambda query, key, _: len(query) == 4 and key.shape[-2] < 1024, lambda out: out.flip(0)),
    "9 queries": wrong(lambda query, key, _: query.shape[-2] == 9, lambda out: out.roll(1, -1)),
    "300 tokens": wrong(lambda *given: given[2]["is_causal"], lambda out: out.roll(1, -2)),
    "1,024 patches": wrong(lambda query, *_: query.shape[1] == 12, lambda out: torch.full_like(out, torch.nan)),
}


@pytest.mark.parametrize("where", FAULTS)
@pytest.mark.parametrize("dtype", [F32, BF16])
def test_a_kernel_that_is_wrong_for_one_shape_is_named_with_it(where: str, dtype: torch.dtype) -> None:
    trouble = kernel_error(FAULTS[where], CPU, dtype, rows=8)
    assert trouble is not None and where in trouble


def test_a_kernel_that_heeds_one_row_s_mask_in_all_rows_is_found() -> None:
    def kernel(query: Tensor, key: Tensor, value: Tensor, *, attn_mask: Tensor | None = None, **more: Any) -> Tensor:
        if attn_mask is not None and attn_mask.dim() == 4:
            attn_mask = attn_mask[:1]
        return fused(query, key, value, attn_mask=attn_mask, **more)

    assert kernel_error(kernel, CPU, F32, rows=8) is not None


def test_a_report_has_every_shape_with_what_both_kernels_take() -> None:
    found = list(kernel_reports(CPU, F32))
    assert [one.name for one in found] == [shape.name for shape in SHAPES]
    assert all(one.off <= MAX_ERROR[F32] and one.fused_ms > 0 and one.plain_ms > 0 for one in found)
