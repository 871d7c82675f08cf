"""The batch on the torch runner, in float32, against transformers: token for token, whatever runs beside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from torch import Tensor

from daemon.inference.batch.repetition import is_looping
from daemon.inference.batch.runner_protocol import RunnerError, RunnerMemoryError
from daemon.inference.batch.stop_criteria import CHECK_EVERY, StopReason
from daemon.inference.sampling_params import SamplingParams
from daemon.inference.smolvlm.tile_dedup import deduplicate
from daemon.inference.torch.model_runner import TorchRunner, runner_errors
from tests.support.checkpoints import LOOPING, write_tiny_checkpoint
from tests.support.request_mixes import (
    ARRIVALS,
    ASKED,
    LIMITS,
    LONGEST,
    MARKED,
    REQUESTS,
    STILL,
    Arrival,
    Expect,
    Limits,
    check_mix,
    drained,
    expectation,
    new_batch,
)
from tests.support.torch_reference import Reference


@pytest.fixture(scope="module")
def expect(reference: Reference) -> Expect:
    return expectation(reference)


class SmallBlocks(TorchRunner):
    """Rows of many capacities, so that there are many buckets; and a model that fails in the middle of its layers."""

    block = 16
    calls = 0

    @contextmanager
    def short_of_memory(self, calls: frozenset[int]) -> Iterator[None]:
        """The numbered calls run out of memory after some layers have stored their keys and values."""
        layer = self._text.layers[2]
        activation, self.calls = layer.activation, 0

        def fail(admitter: Tensor) -> Tensor:
            self.calls += 1
            if self.calls in calls:
                raise torch.OutOfMemoryError("out of memory")
            return activation(admitter)

        layer.activation = fail
        try:
            yield
        finally:
            layer.activation = activation


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_checkpoint(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def reference(checkpoint: Path) -> Reference:
    torch.set_num_threads(1)
    return Reference(checkpoint)


@pytest.fixture(scope="module")
def runner(checkpoint: Path) -> SmallBlocks:
    made = SmallBlocks.from_folder(checkpoint, torch.device("cpu"), torch.float32)
    assert isinstance(made, SmallBlocks)
    return made


@given(arrivals=ARRIVALS, limits=LIMITS)
@settings(max_examples=25, deadline=None)
def test_every_mix_of_arrivals_is_answered_as_transformers_would_alone(
    runner: SmallBlocks, reference: Reference, arrivals: list[Arrival], limits: Limits
) -> None:
    """Batched, ragged, joined midway, read piece by piece, sharing prefixes, beside cancelled ones, memory halved.

    Some are to repeat themselves less or are sampled, others beside them are not.
    """
    check_mix(runner, reference, arrivals, limits, runner.short_of_memory(limits.short))
    assert not runner._cache._slots_by_id
    assert not runner._cache._buckets
    assert not runner._sampler._penalties
    assert not runner._sampler._sampled


def test_one_alone_is_written_as_transformers_would(runner: TorchRunner, reference: Reference, expect: Expect) -> None:
    for request in REQUESTS:
        marked = [] if request.is_video or not request.pictures else [MARKED[len(request.pictures)]]
        for question in (*ASKED, *marked):
            batch = new_batch(runner, reference)
            batch.add(group := reference.group(request, [question], LONGEST))
            assert drained(batch, 40) == [group]
            assert [sequence.output_ids for sequence in group.sequences] == expect(request, (question,), LONGEST)


@pytest.fixture(scope="module")
def looping(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_checkpoint(tmp_path_factory.mktemp("looping"), spread=LOOPING)


def test_an_answer_that_loops_is_transformers_own_up_to_where_it_is_stopped(looping: Path) -> None:
    """And not a token longer or shorter, whether it is written alone or beside others that end elsewhere."""
    runner = TorchRunner.from_folder(looping, torch.device("cpu"), torch.float32)
    reference, limit = Reference(looping), 56
    stops: Counter[StopReason | None] = Counter()
    for rows in (1, 9):
        batch = new_batch(runner, reference, rows=rows)
        groups = {reference.group(request, ASKED, limit): request for request in REQUESTS[:3]}
        for group in groups:
            batch.add(group)
        assert set(drained(batch, 600)) == set(groups)
        for group, request in groups.items():
            for sequence, question in zip(group.sequences, ASKED, strict=True):
                whole = reference.generated(request, question, limit)
                seen = (whole[:count] for count in range(CHECK_EVERY, len(whole) + 1, CHECK_EVERY))
                stopped = next(filter(is_looping, seen), None)
                assert sequence.output_ids == (whole if stopped is None else stopped)
                assert (sequence.stop_reason is StopReason.LOOP) is (stopped is not None)
                stops[sequence.stop_reason] += 1
    assert min(stops[StopReason.LOOP], stops[StopReason.LIMIT]) >= 4, "both kinds are compared"


def test_answers_that_are_compared_differ_from_each_other(expect: Expect) -> None:
    """Or a mix-up would not show."""
    less = dict.fromkeys((question.name for question in ASKED), SamplingParams(repetition_penalty=3.0))
    decoded = [replace(request, sampling=sampling) for request in REQUESTS for sampling in ({}, less)]
    outputs = [str(answer) for request in decoded for answer in expect(request, ASKED, LONGEST)]
    assert len(set(outputs)) >= 0.8 * len(outputs), "a system prompt changes few of them"
    assert sum(len(answer) for answer in outputs) > 100


def test_features_do_not_depend_on_the_tiles_beside(runner: TorchRunner) -> None:
    tiles = list(np.random.default_rng(0).standard_normal((8, 3, 64, 64), np.float32))
    together = runner.encode_images(tiles)
    for tile, features in zip(tiles, together, strict=True):
        torch.testing.assert_close(features, runner.encode_images([tile])[0], atol=1e-4, rtol=1e-4)


def test_equal_tiles_are_found(reference: Reference) -> None:
    tiles = reference.processor.image_prompt(STILL.pictures, timestamps=STILL.timestamps, seconds=STILL.seconds).tiles
    different, places = deduplicate(tiles)
    assert (len(different), places) == (1, [0, 0, 0, 0])
    different, places = deduplicate([tiles[0], tiles[0] + 1, tiles[0]])
    assert (len(different), places) == (2, [0, 1, 0])


def test_rows_of_one_bucket_close_up_and_an_empty_bucket_takes_no_memory(runner: TorchRunner) -> None:
    rows = [runner.add([7, 8, number], (), 32) for number in range(5)]
    runner.prefill([(row, 3) for row in rows])
    assert runner._cache[rows[0]].pending.untyped_storage().nbytes() == 0
    bucket = runner._cache[rows[0]].bucket
    expected = [runner.decode([row], [9])[0] for row in rows]
    before = [(layer[1].clone(), layer[4].clone()) for layer in bucket.keys]
    runner.free(rows[0])
    assert runner._cache[rows[4]].index == 0
    for layer, (second, last) in zip(bucket.keys, before, strict=True):
        torch.testing.assert_close(layer[1], second)
        torch.testing.assert_close(layer[0, :, :4], last[:, :4])
    again = [runner.add([7, 8, number, 9], (), 32) for number in range(5)]
    assert list(runner.prefill([(row, 4) for row in again])) == expected
    for row in [*rows[1:], *again]:
        runner.free(row)
    assert bucket.keys == []


@pytest.mark.parametrize("moves", [True, False])
def test_a_row_that_went_wrong_leaves_nothing_behind_for_the_one_that_takes_its_slot(
    runner: TorchRunner, moves: bool
) -> None:
    """Not a number: no mask would hide it. The slot's next row is a new one, or one that moves there."""

    def added(length: int) -> int:
        row = runner.add(range(7, 7 + length), (), 32)
        runner.prefill([(row, length)])
        return row

    short = added(3)
    expected = [runner.decode([short], [token])[0] for token in (5, 6)]
    runner.free(short)
    long, wrong = added(20), added(20)
    short = added(3) if moves else 0
    with torch.inference_mode():
        for held in (*runner._cache[wrong].bucket.keys, *runner._cache[wrong].bucket.values):
            held[runner._cache[wrong].index] = torch.nan
    runner.free(wrong)
    short = short or added(3)
    assert runner._cache[short].index == 1
    assert [runner.decode([long, short], [token, token])[1] for token in (5, 6)] == expected
    runner.free(long)
    runner.free(short)


@pytest.mark.parametrize(
    ("raised", "becomes"),
    [
        (torch.OutOfMemoryError("CUDA out of memory."), RunnerMemoryError),
        (RuntimeError("Invalid buffer size: 9.75 GiB"), RunnerMemoryError),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."), RunnerMemoryError),
        (MemoryError(), RunnerMemoryError),
        (RuntimeError("device lost"), RunnerError),
    ],
)
def test_torch_s_errors_say_whether_memory_was_short(raised: Exception, becomes: type[RunnerError]) -> None:
    with pytest.raises(RunnerError) as caught, runner_errors():
        raise raised
    assert type(caught.value) is becomes


def test_the_budget_follows_the_memory_that_is_free(runner: TorchRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    a_token = 2 * 4 * 2 * 32 * 4  # keys and values, layers, heads, width, bytes
    monkeypatch.setattr("daemon.inference.torch.model_runner.free_memory", lambda device: 4000 * a_token)
    assert runner.tokens_that_fit == 1000
