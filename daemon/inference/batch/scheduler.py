"""The batch: scenes come in, and round by round their answers are read, written and let go.

Nobody overtakes: answers get their places in the order in which their scenes came. Where memory runs out, the
youngest go back into line; where the model fails otherwise, all do. What fails alone is that scene's own failure.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Generic, TypeVar

from daemon.inference.batch.runner_protocol import ModelRunner, RunnerError, RunnerMemoryError
from daemon.inference.batch.sequence import SequenceGroup, SequenceState, TokenSequence
from daemon.inference.batch.stop_criteria import StopReason, stop_reason
from daemon.inference.batch.token_budget import TokenBudget

Tile = TypeVar("Tile")
Features = TypeVar("Features")


class Scheduler(Generic[Tile, Features]):
    """Keeps `runner` busy with at most `rows` answers and `tokens` of keys and values; `end_id` ends an answer.

    What goes round in circles is stopped. Without an `end_id`, all answers go on to their limits.
    """

    def __init__(self, runner: ModelRunner[Tile, Features], *, rows: int, tokens: int, end_id: int | None) -> None:
        self.budget = TokenBudget(rows=rows, tokens=tokens, block=runner.block)
        self._runner = runner
        self._end_id = end_id
        self._groups: list[SequenceGroup[Tile, Features]] = []  # in the order in which they came

    @property
    def can_accept(self) -> bool:
        """Whether another scene would find a place soon."""
        unseen = sum(len(group.pending_tiles) for group in self._groups)
        return unseen < self.budget.tiles_per_step and not any(self._in_states(SequenceState.WAITING))

    @property
    def is_decode_only(self) -> bool:
        """Whether the next round is likely to be a short one."""
        return not any(self._in_states(SequenceState.ADMITTED, SequenceState.PREFILL))

    def add(self, group: SequenceGroup[Tile, Features]) -> None:
        self._groups.append(group)
        self._admit()

    def cancel(self, group: SequenceGroup[Tile, Features]) -> None:
        """Forget a scene; one that is not here is ignored."""
        if group in self._groups:
            self._remove(group)

    def step(self) -> list[SequenceGroup[Tile, Features]]:
        """One round; the scenes that it finished."""
        failure: RunnerError | None = None
        try:
            self._admit()
            self._encode_images()
            self._start_prefill()
            self._prefill()
            self._decode()
        except RunnerError as error:
            # Without its traceback, which would still hold the failed round's memory.
            failure = error.with_traceback(None)
            failure.__cause__ = failure.__context__ = None
        if failure is not None:
            self._preempt(failure)
        over = [group for group in self._groups if group.is_finished]
        for group in over:
            self._remove(group)
        return over

    def _admit(self) -> None:
        """Places are given while rows and budget allow; who is first in line gets one in any case once all are free."""
        used, rows = self._used(), sum(1 for _ in self._scheduled())
        for _, sequence in self._in_states(SequenceState.WAITING):
            used += self._capacity(sequence)
            if rows >= self.budget.rows or (rows and used > self.budget.tokens):
                break
            sequence.state = SequenceState.ADMITTED
            rows += 1

    def _encode_images(self) -> None:
        """Look at the next tiles of the scenes that have places."""
        wanted = unique(group for group, _ in self._in_states(SequenceState.ADMITTED))
        tiles = [(group, tile) for group in wanted for tile in group.pending_tiles][: self.budget.tiles_per_step]
        if not tiles:
            return
        with self._timed((group for group, _ in tiles), "vision"):
            seen = self._runner.encode_images([tile for _, tile in tiles])
        for (group, _), features in zip(tiles, seen, strict=True):
            group.add_features(features)

    def _start_prefill(self) -> None:
        """Rows for those whose pictures were seen: the first of a scene reads its whole prompt, the others fork."""
        for group, sequence in self._in_states(SequenceState.ADMITTED):
            owner = group.prefix_owner if group.prefix_length else None
            if group.pending_tiles or (owner is not None and owner.read < group.prefix_length):
                continue
            wanted = (sequence.ids, group.features, self._capacity(sequence), sequence.decoding)
            with self._timed([group], "prefill"):
                if owner is None or owner.row is None:
                    sequence.row = self._runner.add(*wanted)
                else:
                    sequence.row = self._runner.fork(owner.row, group.prefix_length, *wanted)
                    sequence.read = group.prefix_length
            sequence.state = SequenceState.PREFILL
            self._free(group.releasable())

    def _prefill(self) -> None:
        """A bounded piece of the prompts; whose prompt ends here has its first token."""
        left = self.budget.tokens_per_step
        parts: list[tuple[TokenSequence, int, int]] = []
        groups = []
        for group, sequence in self._in_states(SequenceState.PREFILL):
            count = min(left, len(sequence.ids) - sequence.read)
            if count and sequence.row is not None:
                parts.append((sequence, sequence.row, count))
                groups.append(group)
                left -= count
        if not parts:
            return
        with self._timed(groups, "prefill"):
            tokens = self._runner.prefill([(row, count) for _, row, count in parts])
        for group, (sequence, _, count), token in zip(groups, parts, tokens, strict=True):
            sequence.read += count
            if sequence.read == len(sequence.ids):
                sequence.state = SequenceState.DECODE
                self._append_token(group, sequence, token)

    def _decode(self) -> None:
        """One more token of every answer."""
        sequence = [
            (group, one, one.row) for group, one in self._in_states(SequenceState.DECODE) if one.row is not None
        ]
        if not sequence:
            return
        with self._timed((group for group, _, _ in sequence), "generate"):
            tokens = self._runner.decode(
                [row for _, _, row in sequence], [one.output_ids[-1] for _, one, _ in sequence]
            )
        for (group, one, _), token in zip(sequence, tokens, strict=True):
            group.peak_batch_size = max(group.peak_batch_size, len(sequence))
            self._append_token(group, one, token)

    def _append_token(self, group: SequenceGroup[Tile, Features], sequence: TokenSequence, token: int) -> None:
        """Take an answer's newest token, and let the answer go when that was the last."""
        sequence.output_ids.append(token)
        sequence.stop = stop_reason(sequence.output_ids, end_id=self._end_id, limit=sequence.limit)
        if sequence.stop is None:
            return
        if sequence.stop is StopReason.END:
            sequence.output_ids.pop()
        sequence.state = SequenceState.DONE
        self.budget.recover(self._capacity(sequence))
        self._free(group.releasable())

    def _preempt(self, failure: RunnerError) -> None:
        """Give memory back. Rows of finished answers go first; what can give nothing more back has failed."""
        used, active = self._used(), list(self._scheduled())
        spent = [one for group in self._groups for one in group.sequences if one.is_finished and one.row is not None]
        self._free(spent)
        self.budget.halve(used)
        short = isinstance(failure, RunnerMemoryError)
        kept = self._fitting([one for _, one in active]) if short else 0
        for _, sequence in active[kept:]:
            self._free([sequence])
            sequence.reset()
        if len(active) == 1 and not (short and (spent or self.budget.shrink())):
            active[0][0].failure = str(failure)
        self._runner.empty_cache()

    def _fitting(self, active: Sequence[TokenSequence]) -> int:
        """How many of these, oldest first, the budget holds; at least one."""
        used, count = 0, 0
        for sequence in active:
            used += self._capacity(sequence)
            count += used <= self.budget.tokens
        return max(1, count)

    def _remove(self, group: SequenceGroup[Tile, Features]) -> None:
        self._groups.remove(group)
        for sequence in group.sequences:
            if not sequence.is_finished:
                sequence.state = SequenceState.CANCELLED
        self._free(group.sequences)

    def _free(self, sequences: Iterable[TokenSequence]) -> None:
        for sequence in sequences:
            if sequence.row is not None:
                self._runner.free(sequence.row)
                sequence.row = None

    def _in_states(self, *states: SequenceState) -> Iterator[tuple[SequenceGroup[Tile, Features], TokenSequence]]:
        return ((group, one) for group in self._groups for one in group.sequences if one.state in states)

    def _scheduled(self) -> Iterator[tuple[SequenceGroup[Tile, Features], TokenSequence]]:
        return self._in_states(SequenceState.ADMITTED, SequenceState.PREFILL, SequenceState.DECODE)

    def _capacity(self, sequence: TokenSequence) -> int:
        return self.budget.capacity(len(sequence.ids) + sequence.limit)

    def _used(self) -> int:
        """Tokens that are set aside for answers with places, and for rows that are kept to fork from."""
        everyone = (one for group in self._groups for one in group.sequences)
        return sum(self._capacity(one) for one in everyone if one.is_scheduled or one.row is not None)

    @contextmanager
    def _timed(self, groups: Iterable[SequenceGroup[Tile, Features]], phase: str) -> Iterator[None]:
        """Adds the time that passes inside to that phase of every scene."""
        began = time.perf_counter()
        try:
            yield
        finally:
            for group in unique(groups):
                group.seconds[phase] += time.perf_counter() - began


def unique(groups: Iterable[SequenceGroup[Tile, Features]]) -> list[SequenceGroup[Tile, Features]]:
    return list(dict.fromkeys(groups))
