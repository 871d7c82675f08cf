"""Keys and values of all rows. Rows of the same capacity share a shelf, so that those of like length lie together."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class CacheShape:
    """What a token takes: keys and values of `heads` x `width` numbers in every layer."""

    layers: int
    heads: int
    width: int
    dtype: torch.dtype
    device: torch.device

    @property
    def bytes_a_token(self) -> int:
        return 2 * self.layers * self.heads * self.width * self.dtype.itemsize


@dataclass(eq=False)
class Slot:
    """Holds `length` tokens in a slot of its shelf; `pending` (tokens, hidden) is what it is to read next."""

    bucket: Bucket
    index: int
    pending: Tensor
    length: int = 0


@dataclass(eq=False)
class Bucket:
    """Slots without gaps, row after row. `keys` and `values` have (slots, heads, capacity, width) in every layer.

    A step that runs out of memory may be repeated: whatever was grown or written by then is grown or written anew.
    """

    shape: CacheShape
    capacity: int
    rows: list[Slot] = field(default_factory=list)
    keys: list[Tensor] = field(default_factory=list)
    values: list[Tensor] = field(default_factory=list)

    def add(self, pending: Tensor) -> Slot:
        """A row that holds nothing yet: zeros, as masks do not hide what is not a number."""
        row = Slot(self, len(self.rows), pending)
        self._make_slots(row.index + 1)
        for held in (*self.keys, *self.values):
            held[row.index].zero_()
        self.rows.append(row)
        return row

    def remove(self, row: Slot) -> None:
        """The last row takes the slot; an empty shelf takes no memory."""
        last = self.rows.pop()
        if last is not row:
            copy(last, row.index, self, self.capacity)
            last.index = row.index
            self.rows[row.index] = last
        if not self.rows:
            self.keys.clear()
            self.values.clear()

    def _make_slots(self, count: int) -> None:
        """Twice as many as there are, where they are too few."""
        for layers in (self.keys, self.values):
            for layer in range(self.shape.layers):
                old = layers[layer] if layer < len(layers) else None
                slots = 0 if old is None else len(old)
                if slots >= count:
                    continue
                size = (max(count, 2 * slots), self.shape.heads, self.capacity, self.shape.width)
                new = torch.empty(size, dtype=self.shape.dtype, device=self.shape.device)
                if old is None:
                    layers.append(new)
                else:
                    new[:slots] = old
                    layers[layer] = new


def copy(row: Slot, slot: int, bucket: Bucket, length: int) -> None:
    """The first `length` tokens of a row, into a slot of some shelf."""
    for source, target in ((row.bucket.keys, bucket.keys), (row.bucket.values, bucket.values)):
        for old, new in zip(source, target, strict=True):
            new[slot, :, :length] = old[row.index, :, :length]


class KVCache:
    """All rows, by number."""

    def __init__(self, shape: CacheShape) -> None:
        self.shape = shape
        self._buckets: dict[int, Bucket] = {}
        self._slots_by_id: dict[int, Slot] = {}
        self._next = 0

    def __getitem__(self, number: int) -> Slot:
        return self._slots_by_id[number]

    @property
    def nbytes(self) -> int:
        """What all shelves take."""
        return sum(held.nbytes for bucket in self._buckets.values() for held in (*bucket.keys, *bucket.values))

    def add(self, pending: Tensor, capacity: int) -> int:
        bucket = self._buckets.setdefault(capacity, Bucket(self.shape, capacity))
        self._next += 1
        self._slots_by_id[self._next] = bucket.add(pending)
        return self._next

    def fork(self, number: int, shared: int, pending: Tensor, capacity: int) -> int:
        """A new row that holds the first `shared` tokens of another."""
        forked = self.add(pending, capacity)
        row = self._slots_by_id[forked]
        copy(self._slots_by_id[number], row.index, row.bucket, shared)
        row.length = shared
        return forked

    def free(self, number: int) -> None:
        row = self._slots_by_id.pop(number)
        row.bucket.remove(row)
        if not row.bucket.rows:
            del self._buckets[row.bucket.capacity]
