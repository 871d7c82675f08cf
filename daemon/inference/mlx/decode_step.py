"""One decode step: a token for every row of the buckets that decode, in one graph that may be compiled.

The row of a token is that of its slot, so that shapes change only with the buckets: a compiled step serves for many.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import mlx.core as mx

from daemon.inference.mlx.attention import DecodeAttention
from daemon.inference.mlx.kv_cache import Bucket, Slot
from daemon.inference.mlx.sampler import most_likely
from daemon.inference.mlx.text_model import TextModel

#: Compiled steps that are kept; each belongs to some combination of buckets and rows.
MAX_COMPILED = 16

Arrays = list[list[mx.array]]
#: (tokens, positions, keys, values) -> (scores, tokens, whether they are finite, keys, values).
Step = Callable[[mx.array, mx.array, Arrays, Arrays], tuple[mx.array, mx.array, mx.array, Arrays, Arrays]]


@dataclass(frozen=True)
class StepResult:
    """Scores (rows, vocabulary); the best token of each row, and whether its scores are finite; none is evaluated yet.

    `rows` has the row of each slot that decodes, and its position after this step; `buckets` those that took part.
    """

    buckets: tuple[Bucket, ...]
    rows: Mapping[Slot, int]
    positions: list[int]
    scores: mx.array
    tokens: mx.array
    finite: mx.array


class DecodeSteps:
    """Makes steps over the buckets of some slots. `compiled`: compile them, and keep the last ones."""

    def __init__(self, text: TextModel, *, compiled: bool) -> None:
        self._text, self._is_compiled = text, compiled
        self._steps: OrderedDict[tuple[tuple[int, int], ...], Step] = OrderedDict()
        #: How many steps were made.
        self.count = 0

    def first(self, slots: Sequence[Slot], tokens: Sequence[int]) -> StepResult:
        """A step that appends to each slot its token."""
        buckets = tuple(dict.fromkeys(slot.bucket for slot in slots))
        rows = rows_of(buckets, slots)
        row_tokens = [0] * sum(bucket.rows for bucket in buckets)
        for slot, token in zip(slots, tokens, strict=True):
            row_tokens[rows[slot]] = token
        positions = [position for bucket in buckets for position in bucket.positions]
        return self._run(buckets, rows, mx.array(row_tokens), positions)

    def after(self, result: StepResult) -> StepResult:
        """The step that appends the best tokens of `result`, which need not be evaluated yet."""
        decoding = set(result.rows.values())
        positions = [place + (row in decoding) for row, place in enumerate(result.positions)]
        return self._run(result.buckets, result.rows, result.tokens, positions)

    def _run(
        self, buckets: tuple[Bucket, ...], rows: Mapping[Slot, int], tokens: mx.array, positions: list[int]
    ) -> StepResult:
        self.count += 1
        step = self._step_for(tuple((bucket.capacity, bucket.rows) for bucket in buckets))
        keys, values = [bucket.keys for bucket in buckets], [bucket.values for bucket in buckets]
        scores, best, finite, keys, values = step(tokens, mx.array(positions), keys, values)
        for bucket, new_keys, new_values in zip(buckets, keys, values, strict=True):
            bucket.keys, bucket.values = new_keys, new_values
        return StepResult(buckets, rows, positions, scores, best, finite)

    def _step_for(self, shapes: tuple[tuple[int, int], ...]) -> Step:
        if not self._is_compiled:
            return self._step
        if shapes not in self._steps:
            compiled: Step = mx.compile(self._step)
            self._steps[shapes] = compiled
            if len(self._steps) > MAX_COMPILED:
                self._steps.popitem(last=False)
        self._steps.move_to_end(shapes)
        return self._steps[shapes]

    def _step(
        self, tokens: mx.array, positions: mx.array, keys: Arrays, values: Arrays
    ) -> tuple[mx.array, mx.array, mx.array, Arrays, Arrays]:
        attention = DecodeAttention(keys, values, positions)
        scores = self._text.scores(self._text(self._text.embed(tokens), positions, attention))
        return scores, *most_likely(scores), attention.keys, attention.values


def rows_of(buckets: Sequence[Bucket], slots: Sequence[Slot]) -> dict[Slot, int]:
    """The row of each slot, where the rows of all buckets follow each other."""
    first, firsts = 0, dict[Bucket, int]()
    for bucket in buckets:
        firsts[bucket] = first
        first += bucket.rows
    return {slot: firsts[slot.bucket] + slot.index for slot in slots}
