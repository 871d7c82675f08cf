"""Attention of new tokens over their own slots, which they are appended to: for prefill, and for decode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import mlx.core as mx

from daemon.inference.mlx.kv_cache import Slot


@dataclass(frozen=True)
class PrefillSegment:
    """Tokens `first`..`last` of the packed prompts; they belong to one slot."""

    slot: Slot
    first: int
    last: int

    @property
    def start(self) -> int:
        return self.slot.length

    @property
    def end(self) -> int:
        return self.slot.length + self.last - self.first


class PrefillAttention:
    """Prefill: several tokens a slot, slot by slot, each token over itself and all tokens before it."""

    def __init__(self, slots: Sequence[tuple[Slot, int]]) -> None:
        self.segments: list[PrefillSegment] = []
        first = 0
        for slot, count in slots:
            self.segments.append(PrefillSegment(slot, first, first + count))
            first += count

    def __call__(self, layer: int, queries: mx.array, keys: mx.array, values: mx.array) -> mx.array:
        """Queries (tokens, heads, width), keys and values (tokens, fewer heads, width) -> as the queries.

        All slots are written before the first is read: a bucket that is read is not written in place.
        """
        for segment in self.segments:
            bucket, index, new = segment.slot.bucket, segment.slot.index, slice(segment.first, segment.last)
            bucket.keys[layer][index, :, segment.start : segment.end] = keys[new].transpose(1, 0, 2)
            bucket.values[layer][index, :, segment.start : segment.end] = values[new].transpose(1, 0, 2)
        return mx.concatenate([self._attended(segment, layer, queries) for segment in self.segments])

    def _attended(self, segment: PrefillSegment, layer: int, queries: mx.array) -> mx.array:
        bucket, row = segment.slot.bucket, slice(segment.slot.index, segment.slot.index + 1)
        attended = mx.fast.scaled_dot_product_attention(
            queries[segment.first : segment.last].transpose(1, 0, 2)[None],
            bucket.keys[layer][row, :, : segment.end],
            bucket.values[layer][row, :, : segment.end],
            scale=queries.shape[-1] ** -0.5,
            mask="causal",  # the last query belongs to the last key
        )
        return attended[0].transpose(1, 0, 2)


class DecodeAttention:
    """Decode: one token for every row of some buckets, whose keys and values are given and are written.

    A row that does not decode gets a token too. It lands where the row's next token belongs and is overwritten then;
    so no shape depends on which rows decode.
    """

    def __init__(self, keys: list[list[mx.array]], values: list[list[mx.array]], positions: mx.array) -> None:
        """`keys` and `values` by bucket and layer; `positions` of all rows, bucket by bucket."""
        self.keys, self.values = keys, values
        self._rows: list[slice] = []
        self._indices: list[mx.array] = []
        self._positions: list[mx.array] = []
        self._masks: list[mx.array] = []
        first = 0
        for layers in keys:
            rows, _, capacity, _ = layers[0].shape
            span = slice(first, first + rows)
            own = positions[span]
            self._rows.append(span)
            self._indices.append(mx.arange(rows))
            self._positions.append(own)
            self._masks.append((mx.arange(capacity) <= own[:, None])[:, None, None])
            first += rows

    def __call__(self, layer: int, queries: mx.array, keys: mx.array, values: mx.array) -> mx.array:
        """Queries (rows, heads, width), keys and values (rows, fewer heads, width) -> as the queries."""
        attended = [self._attended(bucket, layer, queries, keys, values) for bucket in range(len(self._rows))]
        return attended[0] if len(attended) == 1 else mx.concatenate(attended)

    def _attended(self, bucket: int, layer: int, queries: mx.array, keys: mx.array, values: mx.array) -> mx.array:
        span, place = self._rows[bucket], (self._indices[bucket], slice(None), self._positions[bucket])
        all_keys, all_values = self.keys[bucket][layer], self.values[bucket][layer]
        all_keys[place], all_values[place] = keys[span], values[span]
        attended = mx.fast.scaled_dot_product_attention(
            queries[span][:, :, None],
            all_keys,
            all_values,
            scale=queries.shape[-1] ** -0.5,
            mask=self._masks[bucket],
        )
        return attended[:, :, 0]
