"""The KV cache in MLX: slots of equal capacity are rows of one bucket, and keep their row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import mlx.core as mx


@dataclass(frozen=True, kw_only=True)
class CacheShape:
    """One token takes keys and values of `heads` x `width` numbers in every layer."""

    layers: int
    heads: int
    width: int
    dtype: mx.Dtype

    @property
    def bytes_per_token(self) -> int:
        return 2 * self.layers * self.heads * self.width * self.dtype.size


@dataclass(eq=False)
class Slot:
    """Row `index` of its bucket, with `length` tokens; `prompt` (tokens, hidden) until all of it is prefilled."""

    bucket: Bucket
    index: int
    prompt: mx.array | None
    length: int = 0


@dataclass(eq=False)
class Bucket:
    """`keys` and `values` have (rows, heads, capacity, width) in every layer; a row without a slot is free.

    The number of rows is a power of two, so that a decode step, which runs over all rows, has few shapes. MLX writes
    into an array in place as long as nothing else refers to it.
    """

    shape: CacheShape
    capacity: int
    slots: list[Slot | None] = field(default_factory=list)
    keys: list[mx.array] = field(default_factory=list)
    values: list[mx.array] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return len(self.slots)

    @property
    def is_empty(self) -> bool:
        return not any(self.slots)

    @property
    def positions(self) -> list[int]:
        """Where each row's next token belongs; 0 in a free one."""
        return [0 if slot is None else slot.length for slot in self.slots]

    def add(self, prompt: mx.array | None) -> Slot:
        """A new, empty slot: zeros, because masks do not hide NaN."""
        if None not in self.slots:
            self._grow()
        slot = Slot(self, self.slots.index(None), prompt)
        self.slots[slot.index] = slot
        for array in (*self.keys, *self.values):
            array[slot.index] = 0
        return slot

    def remove(self, slot: Slot) -> None:
        self.slots[slot.index] = None

    def _grow(self) -> None:
        """Double the rows."""
        added = max(1, self.rows)
        new = mx.zeros((added, self.shape.heads, self.capacity, self.shape.width), self.shape.dtype)
        if not self.keys:
            self.keys = [mx.zeros_like(new) for _ in range(self.shape.layers)]
            self.values = [mx.zeros_like(new) for _ in range(self.shape.layers)]
        else:
            self.keys = [mx.concatenate([array, new]) for array in self.keys]
            self.values = [mx.concatenate([array, new]) for array in self.values]
        self.slots += [None] * added

    def copy(self, source: Slot, target: Slot, length: int) -> None:
        """The first `length` tokens of a slot of any bucket to one of this bucket."""
        for old, new in ((source.bucket.keys, self.keys), (source.bucket.values, self.values)):
            for layer in range(self.shape.layers):
                # A copy and not a view, which would keep the array from being written in place.
                new[layer][target.index, :, :length] = mx.contiguous(old[layer][source.index, :, :length])


class KVCache:
    """All slots, by id."""

    def __init__(self, shape: CacheShape) -> None:
        self.shape = shape
        self._buckets: dict[int, Bucket] = {}
        self._slots_by_id: dict[int, Slot] = {}
        self._next = 0

    def __getitem__(self, slot_id: int) -> Slot:
        return self._slots_by_id[slot_id]

    @property
    def nbytes(self) -> int:
        """Bytes of all buckets."""
        return sum(array.nbytes for array in self.arrays())

    def arrays(self) -> Iterator[mx.array]:
        for bucket in self._buckets.values():
            yield from bucket.keys
            yield from bucket.values

    def add(self, prompt: mx.array | None, capacity: int) -> int:
        bucket = self._buckets.setdefault(capacity, Bucket(self.shape, capacity))
        self._next += 1
        self._slots_by_id[self._next] = bucket.add(prompt)
        return self._next

    def fork(self, slot_id: int, prefix_length: int, prompt: mx.array, capacity: int) -> int:
        """A new slot with the first `prefix_length` tokens of another."""
        forked_id = self.add(prompt, capacity)
        slot = self._slots_by_id[forked_id]
        slot.bucket.copy(self._slots_by_id[slot_id], slot, prefix_length)
        slot.length = prefix_length
        return forked_id

    def free(self, slot_id: int) -> None:
        slot = self._slots_by_id.pop(slot_id)
        slot.bucket.remove(slot)
        if slot.bucket.is_empty:
            del self._buckets[slot.bucket.capacity]
