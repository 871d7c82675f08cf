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
class Row:
    """Holds `length` tokens in a slot of its shelf; `unread` (tokens, hidden) is what it is to read next."""

    shelf: Shelf
    slot: int
    unread: Tensor
    length: int = 0


@dataclass(eq=False)
class Shelf:
    """Slots without gaps, row after row. `keys` and `values` have (slots, heads, capacity, width) in every layer.

    A step that runs out of memory may be repeated: whatever was grown or written by then is grown or written anew.
    """

    shape: CacheShape
    capacity: int
    rows: list[Row] = field(default_factory=list)
    keys: list[Tensor] = field(default_factory=list)
    values: list[Tensor] = field(default_factory=list)

    def add(self, unread: Tensor) -> Row:
        """A row that holds nothing yet: zeros, as masks do not hide what is not a number."""
        row = Row(self, len(self.rows), unread)
        self._make_slots(row.slot + 1)
        for held in (*self.keys, *self.values):
            held[row.slot].zero_()
        self.rows.append(row)
        return row

    def remove(self, row: Row) -> None:
        """The last row takes the slot; an empty shelf takes no memory."""
        last = self.rows.pop()
        if last is not row:
            copy(last, row.slot, self, self.capacity)
            last.slot = row.slot
            self.rows[row.slot] = last
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


def copy(row: Row, slot: int, shelf: Shelf, length: int) -> None:
    """The first `length` tokens of a row, into a slot of some shelf."""
    for source, target in ((row.shelf.keys, shelf.keys), (row.shelf.values, shelf.values)):
        for old, new in zip(source, target, strict=True):
            new[slot, :, :length] = old[row.slot, :, :length]


class Cache:
    """All rows, by number."""

    def __init__(self, shape: CacheShape) -> None:
        self.shape = shape
        self._shelves: dict[int, Shelf] = {}
        self._rows: dict[int, Row] = {}
        self._next = 0

    def __getitem__(self, number: int) -> Row:
        return self._rows[number]

    @property
    def nbytes(self) -> int:
        """What all shelves take."""
        return sum(held.nbytes for shelf in self._shelves.values() for held in (*shelf.keys, *shelf.values))

    def add(self, unread: Tensor, capacity: int) -> int:
        shelf = self._shelves.setdefault(capacity, Shelf(self.shape, capacity))
        self._next += 1
        self._rows[self._next] = shelf.add(unread)
        return self._next

    def fork(self, number: int, shared: int, unread: Tensor, capacity: int) -> int:
        """A new row that holds the first `shared` tokens of another."""
        forked = self.add(unread, capacity)
        row = self._rows[forked]
        copy(self._rows[number], row.slot, row.shelf, shared)
        row.length = shared
        return forked

    def drop(self, number: int) -> None:
        row = self._rows.pop(number)
        row.shelf.remove(row)
        if not row.shelf.rows:
            del self._shelves[row.shelf.capacity]
