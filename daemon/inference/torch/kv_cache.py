"""The KV cache. Slots of the same capacity share a bucket, so that sequences of similar length are contiguous."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class CacheShape:
    """One token takes keys and values of `heads` x `width` numbers in every layer."""

    layers: int
    heads: int
    width: int
    dtype: torch.dtype
    device: torch.device

    @property
    def bytes_per_token(self) -> int:
        return 2 * self.layers * self.heads * self.width * self.dtype.itemsize


@dataclass(eq=False)
class Slot:
    """Slot `index` of its bucket, with `length` tokens; `pending` (tokens, hidden) is the prompt left to prefill."""

    bucket: Bucket
    index: int
    pending: Tensor
    length: int = 0


@dataclass(eq=False)
class Bucket:
    """Slots without gaps. `keys` and `values` have (slots, heads, capacity, width) in every layer.

    A step that runs out of memory can be repeated: it grows and writes the same tensors again.
    """

    shape: CacheShape
    capacity: int
    slots: list[Slot] = field(default_factory=list)
    keys: list[Tensor] = field(default_factory=list)
    values: list[Tensor] = field(default_factory=list)

    def add(self, pending: Tensor) -> Slot:
        """A new, empty slot: zeros, because masks do not hide NaN."""
        slot = Slot(self, len(self.slots), pending)
        self._make_slots(slot.index + 1)
        for tensor in (*self.keys, *self.values):
            tensor[slot.index].zero_()
        self.slots.append(slot)
        return slot

    def remove(self, slot: Slot) -> None:
        """The last slot moves into the gap; an empty bucket takes no memory."""
        last = self.slots.pop()
        if last is not slot:
            copy_slot(last, slot.index, self, self.capacity)
            last.index = slot.index
            self.slots[slot.index] = last
        if not self.slots:
            self.keys.clear()
            self.values.clear()

    def _make_slots(self, needed: int) -> None:
        """Double the slots if there are too few."""
        for layers in (self.keys, self.values):
            for layer in range(self.shape.layers):
                old = layers[layer] if layer < len(layers) else None
                slots = 0 if old is None else len(old)
                if slots >= needed:
                    continue
                size = (max(needed, 2 * slots), self.shape.heads, self.capacity, self.shape.width)
                new = torch.empty(size, dtype=self.shape.dtype, device=self.shape.device)
                if old is None:
                    layers.append(new)
                else:
                    new[:slots] = old
                    layers[layer] = new


def copy_slot(slot: Slot, index: int, bucket: Bucket, length: int) -> None:
    """Copy the first `length` tokens of a slot to the slot `index` of `bucket`."""
    for source, target in ((slot.bucket.keys, bucket.keys), (slot.bucket.values, bucket.values)):
        for old, new in zip(source, target, strict=True):
            new[index, :, :length] = old[slot.index, :, :length]


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
        return sum(tensor.nbytes for bucket in self._buckets.values() for tensor in (*bucket.keys, *bucket.values))

    def add(self, pending: Tensor, capacity: int) -> int:
        bucket = self._buckets.setdefault(capacity, Bucket(self.shape, capacity))
        self._next += 1
        self._slots_by_id[self._next] = bucket.add(pending)
        return self._next

    def fork(self, slot_id: int, prefix_length: int, pending: Tensor, capacity: int) -> int:
        """A new slot with the first `prefix_length` tokens of another."""
        forked_id = self.add(pending, capacity)
        slot = self._slots_by_id[forked_id]
        copy_slot(self._slots_by_id[slot_id], slot.index, slot.bucket, prefix_length)
        slot.length = prefix_length
        return forked_id

    def free(self, slot_id: int) -> None:
        slot = self._slots_by_id.pop(slot_id)
        slot.bucket.remove(slot)
        if not slot.bucket.slots:
            del self._buckets[slot.bucket.capacity]
