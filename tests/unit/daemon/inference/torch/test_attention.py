"""Attention over buckets against attention written out row by row, in float64."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from daemon.inference.torch.attention import (
    QUERIES_PER_BLOCK,
    AttentionKernel,
    DecodeAttention,
    PrefillAttention,
    fused,
    plain,
)
from daemon.inference.torch.kv_cache import CacheShape, KVCache, Slot

HEADS, KV_HEADS, WIDTH = 6, 2, 4
SHAPE = CacheShape(layers=1, heads=KV_HEADS, width=WIDTH, dtype=torch.float64, device=torch.device("cpu"))


def filled(lengths: list[tuple[int, int]]) -> tuple[KVCache, list[Slot]]:
    """Rows of (capacity, length); what lies behind a row's end is large, so that reading it would change the result."""
    cache = KVCache(SHAPE)
    rows = [cache[cache.add(torch.empty(0, 8, dtype=torch.float64), capacity)] for capacity, _ in lengths]
    for row, (_, length) in zip(rows, lengths, strict=True):
        row.length = length
        for held in (row.bucket.keys[0], row.bucket.values[0]):
            held[row.index] = torch.randn(held.shape[1:], dtype=torch.float64)
            held[row.index, :, length:] = 50
    return cache, rows


def reference_attention(row: Slot, queries: Tensor) -> Tensor:
    """Attention of the last tokens of a row: queries (tokens, heads, width) -> the same."""
    output = torch.empty_like(queries)
    start = row.length
    for token in range(len(queries)):
        for head in range(HEADS):
            keys = row.bucket.keys[0][row.index, head // (HEADS // KV_HEADS), : start + token + 1]
            values = row.bucket.values[0][row.index, head // (HEADS // KV_HEADS), : start + token + 1]
            weights = torch.softmax(keys @ queries[token, head] / WIDTH**0.5, 0)
            output[token, head] = weights @ values
    return output


def new_tokens(count: int) -> tuple[Tensor, Tensor, Tensor]:
    sizes = ((count, HEADS, WIDTH), (count, KV_HEADS, WIDTH), (count, KV_HEADS, WIDTH))
    queries, keys, values = (torch.randn(size, dtype=torch.float64) for size in sizes)
    return queries, keys, values


LENGTHS = st.lists(st.tuples(st.sampled_from([16, 32]), st.integers(1, 10)), min_size=1, max_size=6)


@pytest.mark.parametrize("kernel", [fused, plain])
@given(lengths=LENGTHS, data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_token_of_some_rows_attends_to_its_own_row_only(
    kernel: AttentionKernel, lengths: list[tuple[int, int]], data: st.DataObject
) -> None:
    _, rows = filled(lengths)
    chosen = data.draw(st.permutations(rows).flatmap(lambda order: st.integers(1, len(rows)).map(lambda n: order[:n])))
    attention = DecodeAttention(chosen, range(len(chosen)), kernel)
    assert attention.tokens.tolist() == attention.order
    assert attention.positions.tolist() == [row.length for row in attention.slots]
    queries, keys, values = new_tokens(len(chosen))
    output = attention(0, queries, keys, values)
    assert [chosen[number] for number in attention.order] == attention.slots
    for number, row in enumerate(attention.slots):
        torch.testing.assert_close(row.bucket.keys[0][row.index, :, row.length], keys[number])
        torch.testing.assert_close(row.bucket.values[0][row.index, :, row.length], values[number])
        torch.testing.assert_close(output[number : number + 1], reference_attention(row, queries[number : number + 1]))


@pytest.mark.parametrize("kernel", [fused, plain])
@given(lengths=LENGTHS, data=st.data())
@settings(max_examples=60, deadline=None)
def test_prompts_attend_to_themselves_and_to_the_tokens_before_them(
    kernel: AttentionKernel, lengths: list[tuple[int, int]], data: st.DataObject
) -> None:
    _, rows = filled(lengths)
    for row in rows:
        row.length = data.draw(st.sampled_from([0, row.length]))
    counts = [data.draw(st.integers(1, 5)) for _ in rows]
    queries, keys, values = new_tokens(sum(counts))
    output = PrefillAttention(list(zip(rows, counts, strict=True)), kernel)(0, queries, keys, values)
    first = 0
    for row, count in zip(rows, counts, strict=True):
        new = slice(first, first + count)
        torch.testing.assert_close(output[new], reference_attention(row, queries[new]))
        first += count


@pytest.mark.parametrize("count", [1, QUERIES_PER_BLOCK, QUERIES_PER_BLOCK + 1, 3 * QUERIES_PER_BLOCK - 1])
def test_plain_attention_equals_the_fused_kernel_for_a_prompt_of_any_length(count: int) -> None:
    queries, keys, values = (held.transpose(0, 1)[None] for held in new_tokens(count))
    expected = fused(queries, keys, values, is_causal=True, enable_gqa=True)
    torch.testing.assert_close(plain(queries, keys, values, is_causal=True, enable_gqa=True), expected)
