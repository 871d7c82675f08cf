"""Attention of new tokens over their own slots, which they are appended to: for prefill, and for decode."""

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

#: Of a prompt: few enough that little is computed that the mask hides, and enough for fast products.
QUERIES_PER_BLOCK = 128


def plain(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    attn_mask: Tensor | None = None,
    is_causal: bool = False,
    enable_gqa: bool = False,
) -> Tensor:
    """The same by products and a softmax: for a device whose own kernel is slower or wrong."""
    count = query.shape[-2]
    if is_causal and attn_mask is None:
        blocks = [(first, min(first + QUERIES_PER_BLOCK, count)) for first in range(0, count, QUERIES_PER_BLOCK)]
        return torch.cat([plain_block(query, key, value, first, last) for first, last in blocks], -2)
    # Heads that share keys are stacked like more queries.
    grouped = (query * query.shape[-1] ** -0.5).reshape(*key.shape[:-2], -1, key.shape[-1])
    scores = (grouped @ key.transpose(-1, -2)).view(*query.shape[:-1], key.shape[-2])
    if attn_mask is not None:
        scores += attn_mask
    weights = scores.softmax(-1).view(*grouped.shape[:-1], key.shape[-2])
    attended: Tensor = weights @ value
    return attended.view(query.shape)


def plain_block(query: Tensor, key: Tensor, value: Tensor, first: int, last: int) -> Tensor:
    """Queries `first`..`last` over themselves and all keys before them."""
    positions = torch.arange(last, device=query.device)
    mask = mask_of(positions <= positions[first:, None], query)
    return plain(query[..., first:last, :], key[..., :last, :], value[..., :last, :], attn_mask=mask)


def best_kernel(device: torch.device) -> AttentionKernel:
    """A CPU's fused kernel multiplies head by head, which takes twice as long as products of all heads at once."""
    return plain if device.type == "cpu" else fused


def mask_of(is_visible: Tensor, like: Tensor) -> Tensor:
    """What is added to scores: 0 where `is_visible`, else -inf, with the dtype and device of `like`."""
    return torch.zeros(is_visible.shape, dtype=like.dtype, device=like.device).masked_fill_(~is_visible, -math.inf)


@dataclass(frozen=True)
class PrefillSegment:
    """Tokens `first`..`last` of the packed prompts; they belong to one slot."""

    slot: Slot
    first: int
    last: int
    mask: Tensor | None

    @property
    def end(self) -> int:
        return self.slot.length + self.last - self.first


class PrefillAttention:
    """Prefill: several tokens a slot, slot by slot, each token over itself and all tokens before it."""

    def __init__(self, slots: Sequence[tuple[Slot, int]], kernel: AttentionKernel = fused) -> None:
        self._attend = kernel
        self.segments: list[PrefillSegment] = []
        first = 0
        for slot, count in slots:
            mask = None
            if slot.length and count > 1:
                device = slot.pending.device
                positions = torch.arange(slot.length + count, device=device)
                mask = mask_of(positions <= positions[slot.length :, None], slot.pending)
            self.segments.append(PrefillSegment(slot, first, first + count, mask))
            first += count

    def __call__(self, layer: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Queries (tokens, heads, width), keys and values (tokens, fewer heads, width) -> as the queries."""
        attended = torch.empty_like(queries)
        for segment in self.segments:
            slot, new = segment.slot, slice(segment.first, segment.last)
            old_keys, old_values = slot.bucket.keys[layer][slot.index], slot.bucket.values[layer][slot.index]
            old_keys[:, slot.length : segment.end] = keys[new].transpose(0, 1)
            old_values[:, slot.length : segment.end] = values[new].transpose(0, 1)
            attended[new] = self._attend(
                queries[new].transpose(0, 1).unsqueeze(0),
                old_keys[:, : segment.end].unsqueeze(0),
                old_values[:, : segment.end].unsqueeze(0),
                attn_mask=segment.mask,
                is_causal=not slot.length,
                enable_gqa=True,
            )[0].transpose(0, 1)
        return attended


class BucketDecodeAttention:
    """The part of `DecodeAttention` in one bucket: `tokens`, one for each of the slots that decode.

    Attention runs over all slots to their full capacity: a CPU would copy a selection with gaps, and a GPU may be slow
    with every new shape. The results of slots that do not decode are dropped.
    """

    def __init__(
        self,
        bucket: Bucket,
        tokens: slice,
        slot_indices: Tensor,
        positions: Tensor,
        ends: Tensor,
        kernel: AttentionKernel,
    ) -> None:
        """`slot_indices` and `positions` (lengths) of the slots that decode; `ends` of all the bucket's slots."""
        self._attend = kernel
        self.bucket, self.tokens = bucket, tokens
        self.slot_indices, self.positions = slot_indices, positions
        self.count = len(bucket.slots)
        self.is_full = len(slot_indices) == self.count
        is_visible = torch.arange(bucket.capacity, device=ends.device) < ends[:, None]
        self.mask = mask_of(is_visible, bucket.keys[0])[:, None, None]

    def __call__(self, layer: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """As for prefill, for this bucket's tokens. Heads that share keys are stacked like tokens."""
        all_keys, all_values = self.bucket.keys[layer], self.bucket.values[layer]
        all_keys[self.slot_indices, :, self.positions] = keys
        all_values[self.slot_indices, :, self.positions] = values
        grouped = queries.reshape(*keys.shape[:2], -1, keys.shape[2])
        if not self.is_full:
            spread = grouped.new_zeros(self.count, *grouped.shape[1:])
            spread[self.slot_indices] = grouped
            grouped = spread
        attended = self._attend(grouped, all_keys[: self.count], all_values[: self.count], attn_mask=self.mask)
        return (attended if self.is_full else attended[self.slot_indices]).flatten(1, 2)


class DecodeAttention:
    """Decode: one token a slot, bucket by bucket, in the `order` of buckets and slots.

    `tokens` and `positions` (slots) are the given tokens in that order, and their positions. All numbers that a step
    needs go to the device in one tensor: an Apple GPU finishes its queue before it takes another (`copy_and_sync`
    in PyTorch's Copy.mm).
    """

    def __init__(self, slots: Sequence[Slot], tokens: Sequence[int], kernel: AttentionKernel = fused) -> None:
        self.order = sorted(range(len(slots)), key=lambda number: (slots[number].bucket.capacity, slots[number].index))
        self.slots = [slots[number] for number in self.order]
        buckets = [(bucket, list(members)) for bucket, members in groupby(self.slots, key=lambda slot: slot.bucket)]
        numbers = [
            [tokens[number] for number in self.order],
            [slot.length for slot in self.slots],
            [slot.index for slot in self.slots],
            *([slot.length + 1 for slot in bucket.slots] for bucket, _ in buckets),
        ]
        packed = torch.tensor(list(chain(*numbers)), device=self.slots[0].bucket.shape.device)
        self.tokens, self.positions, slot_indices, *ends = torch.split(packed, [len(part) for part in numbers])
        self.buckets: list[BucketDecodeAttention] = []
        first = 0
        for (bucket, members), end in zip(buckets, ends, strict=True):
            span = slice(first, first + len(members))
            decoding = slot_indices[span], self.positions[span]
            self.buckets.append(BucketDecodeAttention(bucket, span, *decoding, end, kernel))
            first = span.stop

    def __call__(self, layer: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Queries (slots, heads, width), keys and values (slots, fewer heads, width) -> as the queries."""
        attended = [
            bucket(layer, queries[bucket.tokens], keys[bucket.tokens], values[bucket.tokens]) for bucket in self.buckets
        ]
        return attended[0] if len(attended) == 1 else torch.cat(attended)
