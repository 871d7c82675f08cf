"""Attention of new tokens over the rows that they belong to, of which they become part: of prompts, and of answers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from daemon.inference.torch.kv_cache import Bucket, Slot


class AttentionKernel(Protocol):
    """As torch's scaled_dot_product_attention: queries (…, heads, queries, width), keys and values alike."""

    def __call__(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        *,
        attn_mask: Tensor | None = None,
        is_causal: bool = False,
        enable_gqa: bool = False,
    ) -> Tensor: ...


fused: AttentionKernel = scaled_dot_product_attention

#: Of a prompt: few enough that little is computed which nobody sees, and enough for products to be quick.
QUERIES_AT_ONCE = 128


def plain(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    attn_mask: Tensor | None = None,
    is_causal: bool = False,
    enable_gqa: bool = False,
) -> Tensor:
    """The same by products and a softmax: for a device whose own kernel is slower or cannot be trusted."""
    count = query.shape[-2]
    if is_causal and attn_mask is None:
        blocks = [(first, min(first + QUERIES_AT_ONCE, count)) for first in range(0, count, QUERIES_AT_ONCE)]
        return torch.cat([plain_block(query, key, value, first, last) for first, last in blocks], -2)
    # Heads that share keys stand beside each other like more queries.
    grouped = (query * query.shape[-1] ** -0.5).reshape(*key.shape[:-2], -1, key.shape[-1])
    scores = (grouped @ key.transpose(-1, -2)).view(*query.shape[:-1], key.shape[-2])
    if attn_mask is not None:
        scores += attn_mask
    weights = scores.softmax(-1).view(*grouped.shape[:-1], key.shape[-2])
    attended: Tensor = weights @ value
    return attended.view(query.shape)


def plain_block(query: Tensor, key: Tensor, value: Tensor, first: int, last: int) -> Tensor:
    """Some of the queries over what they see: themselves, and what stands before them."""
    places = torch.arange(last, device=query.device)
    mask = mask_of(places <= places[first:, None], query)
    return plain(query[..., first:last, :], key[..., :last, :], value[..., :last, :], attn_mask=mask)


def best_kernel(device: torch.device) -> AttentionKernel:
    """A CPU's own kernel multiplies head by head, which takes it twice as long as products of all heads at once."""
    return plain if device.type == "cpu" else fused


def mask_of(seen: Tensor, like: Tensor) -> Tensor:
    """What is added to scores, 0 where `seen`, as the numbers of `like`."""
    return torch.zeros(seen.shape, dtype=like.dtype, device=like.device).masked_fill_(~seen, -math.inf)


@dataclass(frozen=True)
class PrefillSegment:
    """Tokens `first`..`last` of those that are read together, which belong to one row."""

    row: Slot
    first: int
    last: int
    mask: Tensor | None

    @property
    def end(self) -> int:
        return self.row.length + self.last - self.first


class PrefillAttention:
    """Several tokens a row: attention row by row, each token over itself and what stands before it."""

    def __init__(self, rows: Sequence[tuple[Slot, int]], kernel: AttentionKernel = fused) -> None:
        self._attend = kernel
        self.parts: list[PrefillSegment] = []
        first = 0
        for row, count in rows:
            mask = None
            if row.length and count > 1:
                device = row.pending.device
                places = torch.arange(row.length + count, device=device)
                mask = mask_of(places <= places[row.length :, None], row.pending)
            self.parts.append(PrefillSegment(row, first, first + count, mask))
            first += count

    def __call__(self, layer: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Queries (tokens, heads, width), keys and values (tokens, fewer heads, width) -> as the queries."""
        attended = torch.empty_like(queries)
        for part in self.parts:
            row, new = part.row, slice(part.first, part.last)
            old_keys, old_values = row.bucket.keys[layer][row.index], row.bucket.values[layer][row.index]
            old_keys[:, row.length : part.end] = keys[new].transpose(0, 1)
            old_values[:, row.length : part.end] = values[new].transpose(0, 1)
            attended[new] = self._attend(
                queries[new].transpose(0, 1).unsqueeze(0),
                old_keys[:, : part.end].unsqueeze(0),
                old_values[:, : part.end].unsqueeze(0),
                attn_mask=part.mask,
                is_causal=not row.length,
                enable_gqa=True,
            )[0].transpose(0, 1)
        return attended


class BucketDecodeAttention:
    """The part of `DecodeAttention` in one bucket: `tokens`, one for each row that takes one, by their slots.

    Attention runs over all slots to their full capacity, as they lie: a CPU would copy what has gaps, and a GPU may
    take its time over every new shape. What rows get that take no token is lost.
    """

    def __init__(
        self, bucket: Bucket, tokens: slice, slots: Tensor, places: Tensor, ends: Tensor, kernel: AttentionKernel
    ) -> None:
        """`slots` and `places` (length) of the rows that take a token, `ends` of all rows on the shelf."""
        self._attend = kernel
        self.bucket, self.tokens = bucket, tokens
        self.slots, self.places = slots, places
        self.count = len(bucket.rows)
        self.is_full = len(slots) == self.count
        seen = torch.arange(bucket.capacity, device=ends.device) < ends[:, None]
        self.mask = mask_of(seen, bucket.keys[0])[:, None, None]

    def __call__(self, layer: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """As Reading's, for this shelf's tokens. Heads that share keys stand beside each other like tokens."""
        all_keys, all_values = self.bucket.keys[layer], self.bucket.values[layer]
        all_keys[self.slots, :, self.places] = keys
        all_values[self.slots, :, self.places] = values
        grouped = queries.reshape(*keys.shape[:2], -1, keys.shape[2])
        if not self.is_full:
            spread = grouped.new_zeros(self.count, *grouped.shape[1:])
            spread[self.slots] = grouped
            grouped = spread
        attended = self._attend(grouped, all_keys[: self.count], all_values[: self.count], attn_mask=self.mask)
        return (attended if self.is_full else attended[self.slots]).flatten(1, 2)


class DecodeAttention:
    """One token a row: attention shelf by shelf, in the `order` of the rows' shelves and slots.

    `tokens` and `places` (rows) are the tokens that were given, in that order, and their positions. All numbers that a
    step needs go to the device in one tensor: an Apple GPU finishes its queue before it takes another (`copy_and_sync`
    in PyTorch's Copy.mm).
    """

    def __init__(self, rows: Sequence[Slot], tokens: Sequence[int], kernel: AttentionKernel = fused) -> None:
        self.order = sorted(range(len(rows)), key=lambda number: (rows[number].bucket.capacity, rows[number].index))
        self.rows = [rows[number] for number in self.order]
        buckets = [(bucket, list(standing)) for bucket, standing in groupby(self.rows, key=lambda row: row.bucket)]
        numbers = [
            [tokens[number] for number in self.order],
            [row.length for row in self.rows],
            [row.index for row in self.rows],
            *([row.length + 1 for row in bucket.rows] for bucket, _ in buckets),
        ]
        packed = torch.tensor(list(chain(*numbers)), device=self.rows[0].bucket.shape.device)
        self.tokens, self.places, slots, *ends = torch.split(packed, [len(some) for some in numbers])
        self.buckets: list[BucketDecodeAttention] = []
        first = 0
        for (bucket, standing), end in zip(buckets, ends, strict=True):
            some = slice(first, first + len(standing))
            self.buckets.append(BucketDecodeAttention(bucket, some, slots[some], self.places[some], end, kernel))
            first = some.stop

    def __call__(self, layer: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Queries (rows, heads, width), keys and values (rows, fewer heads, width) -> as the queries."""
        attended = [
            bucket(layer, queries[bucket.tokens], keys[bucket.tokens], values[bucket.tokens]) for bucket in self.buckets
        ]
        return attended[0] if len(attended) == 1 else torch.cat(attended)
