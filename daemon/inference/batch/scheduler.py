"""In-flight batching: first come, first served, urgent groups first; chunked prefill; one decode step a round.

When memory runs out, the youngest sequences are preempted and wait again; after any other failure, all are. A failure
with only one sequence in the batch is its group's own failure.
"""

from __future__ import annotations

import bisect
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
    """Keeps `runner` busy with at most `max_sequences`, and `max_tokens` in the KV cache; `end_id` ends an answer.

    Answers that loop are stopped. Without an `end_id`, all answers run to their `max_tokens`.
    """

    def __init__(
        self, runner: ModelRunner[Tile, Features], *, max_sequences: int, max_tokens: int, end_id: int | None
    ) -> None:
        self.budget = TokenBudget(max_sequences=max_sequences, max_tokens=max_tokens, block=runner.block)
        self._runner = runner
        self._end_id = end_id
        self._groups: list[SequenceGroup[Tile, Features]] = []  # urgent ones first, then in order of arrival

    @property
    def can_accept(self) -> bool:
        """Whether another group would be admitted soon."""
        pending = sum(len(group.pending_tiles) for group in self._groups)
        return pending < self.budget.tiles_per_step and not any(self._in_states(SequenceState.WAITING))

    @property
    def is_decode_only(self) -> bool:
        """Whether the next step is likely to be a short one."""
        return not any(self._in_states(SequenceState.ADMITTED, SequenceState.PREFILL))

    def add(self, group: SequenceGroup[Tile, Features]) -> None:
        bisect.insort(self._groups, group, key=lambda each: not each.is_urgent)
        self._admit()

    def cancel(self, group: SequenceGroup[Tile, Features]) -> None:
        """Drop a group; an unknown one is ignored."""
        if group in self._groups:
            self._remove(group)

    def step(self) -> list[SequenceGroup[Tile, Features]]:
        """One round; the groups that it finished."""
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
        finished = [group for group in self._groups if group.is_finished]
        for group in finished:
            self._remove(group)
        return finished

    def _admit(self) -> None:
        """Admit sequences in order while the budget allows; the first one always, once no other is scheduled."""
        used, scheduled = self._used(), sum(1 for _ in self._scheduled())
        for _, sequence in self._in_states(SequenceState.WAITING):
            used += self._capacity(sequence)
            if scheduled >= self.budget.max_sequences or (scheduled and used > self.budget.max_tokens):
                break
            sequence.state = SequenceState.ADMITTED
            scheduled += 1

    def _encode_images(self) -> None:
        """Encode the next tiles of the groups that are admitted."""
        groups = unique(group for group, _ in self._in_states(SequenceState.ADMITTED))
        tiles = [(group, tile) for group in groups for tile in group.pending_tiles][: self.budget.tiles_per_step]
        if not tiles:
            return
        with self._timed((group for group, _ in tiles), "vision"):
            encoded = self._runner.encode_images([tile for _, tile in tiles])
        for (group, _), features in zip(tiles, encoded, strict=True):
            group.add_features(features)

    def _start_prefill(self) -> None:
        """Slots for the sequences whose tiles are encoded: the first of a group is prefilled whole, the others fork."""
        for group, sequence in self._in_states(SequenceState.ADMITTED):
            owner = group.prefix_owner if group.prefix_length else None
            if group.pending_tiles or (owner is not None and owner.num_prefilled < group.prefix_length):
                continue
            prompt = (sequence.prompt_ids, group.features, self._capacity(sequence), sequence.sampling)
            with self._timed([group], "prefill"):
                if owner is None or owner.slot_id is None:
                    sequence.slot_id = self._runner.add(*prompt)
                else:
                    sequence.slot_id = self._runner.fork(owner.slot_id, group.prefix_length, *prompt)
                    sequence.num_prefilled = group.prefix_length
            sequence.state = SequenceState.PREFILL
            self._free(group.releasable())

    def _prefill(self) -> None:
        """A bounded number of prompt tokens; a sequence whose prompt ends here has its first output token."""
        left = self.budget.tokens_per_step
        chunks: list[tuple[TokenSequence, int, int]] = []
        groups = []
        for group, sequence in self._in_states(SequenceState.PREFILL):
            count = min(left, len(sequence.prompt_ids) - sequence.num_prefilled)
            if count and sequence.slot_id is not None:
                chunks.append((sequence, sequence.slot_id, count))
                groups.append(group)
                left -= count
        if not chunks:
            return
        with self._timed(groups, "prefill"):
            tokens = self._runner.prefill([(slot_id, count) for _, slot_id, count in chunks])
        for group, (sequence, _, count), token in zip(groups, chunks, tokens, strict=True):
            sequence.num_prefilled += count
            if sequence.num_prefilled == len(sequence.prompt_ids):
                sequence.state = SequenceState.DECODE
                self._append_token(group, sequence, token)

    def _decode(self) -> None:
        """One more token of every sequence."""
        batch = [
            (group, sequence, sequence.slot_id)
            for group, sequence in self._in_states(SequenceState.DECODE)
            if sequence.slot_id is not None
        ]
        if not batch:
            return
        with self._timed((group for group, _, _ in batch), "generate"):
            tokens = self._runner.decode(
                [slot_id for _, _, slot_id in batch], [sequence.output_ids[-1] for _, sequence, _ in batch]
            )
        for (group, sequence, _), token in zip(batch, tokens, strict=True):
            group.peak_batch_size = max(group.peak_batch_size, len(batch))
            self._append_token(group, sequence, token)

    def _append_token(self, group: SequenceGroup[Tile, Features], sequence: TokenSequence, token: int) -> None:
        """Append the newest token, and finish the sequence if that was the last."""
        sequence.output_ids.append(token)
        sequence.stop_reason = stop_reason(sequence.output_ids, end_id=self._end_id, max_tokens=sequence.max_tokens)
        if sequence.stop_reason is None:
            return
        if sequence.stop_reason is StopReason.END:
            sequence.output_ids.pop()
        sequence.state = SequenceState.DONE
        self.budget.recover(self._capacity(sequence))
        self._free(group.releasable())

    def _preempt(self, failure: RunnerError) -> None:
        """Free memory: first the slots of finished sequences. A sequence alone that can free no more has failed."""
        used, scheduled = self._used(), list(self._scheduled())
        finished = [
            sequence
            for group in self._groups
            for sequence in group.sequences
            if sequence.is_finished and sequence.slot_id is not None
        ]
        self._free(finished)
        self.budget.halve(used)
        is_memory = isinstance(failure, RunnerMemoryError)
        kept = self._fitting([sequence for _, sequence in scheduled]) if is_memory else 0
        for _, sequence in scheduled[kept:]:
            self._free([sequence])
            sequence.reset()
        if len(scheduled) == 1 and not (is_memory and (finished or self.budget.shrink())):
            scheduled[0][0].failure = str(failure)
        self._runner.empty_cache()

    def _fitting(self, sequences: Sequence[TokenSequence]) -> int:
        """How many of these, oldest first, the budget holds; at least one."""
        used, count = 0, 0
        for sequence in sequences:
            used += self._capacity(sequence)
            count += used <= self.budget.max_tokens
        return max(1, count)

    def _remove(self, group: SequenceGroup[Tile, Features]) -> None:
        self._groups.remove(group)
        for sequence in group.sequences:
            if not sequence.is_finished:
                sequence.state = SequenceState.CANCELLED
        self._free(group.sequences)

    def _free(self, sequences: Iterable[TokenSequence]) -> None:
        for sequence in sequences:
            if sequence.slot_id is not None:
                self._runner.free(sequence.slot_id)
                sequence.slot_id = None

    def _in_states(self, *states: SequenceState) -> Iterator[tuple[SequenceGroup[Tile, Features], TokenSequence]]:
        return ((group, sequence) for group in self._groups for sequence in group.sequences if sequence.state in states)

    def _scheduled(self) -> Iterator[tuple[SequenceGroup[Tile, Features], TokenSequence]]:
        return self._in_states(SequenceState.ADMITTED, SequenceState.PREFILL, SequenceState.DECODE)

    def _capacity(self, sequence: TokenSequence) -> int:
        return self.budget.capacity(len(sequence.prompt_ids) + sequence.max_tokens)

    def _used(self) -> int:
        """Tokens reserved for scheduled sequences, and for slots that are kept to fork from."""
        sequences = (sequence for group in self._groups for sequence in group.sequences)
        return sum(
            self._capacity(sequence) for sequence in sequences if sequence.is_scheduled or sequence.slot_id is not None
        )

    @contextmanager
    def _timed(self, groups: Iterable[SequenceGroup[Tile, Features]], phase: str) -> Iterator[None]:
        """Adds the time that passes inside to that phase of every group."""
        began = time.perf_counter()
        try:
            yield
        finally:
            for group in unique(groups):
                group.seconds[phase] += time.perf_counter() - began


def unique(groups: Iterable[SequenceGroup[Tile, Features]]) -> list[SequenceGroup[Tile, Features]]:
    return list(dict.fromkeys(groups))
