"""The batch on the MLX runner, in float32, against transformers: token for token, whatever runs beside."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings

from daemon.inference.batch.repetition import is_looping
from daemon.inference.batch.runner_protocol import RunnerError, RunnerMemoryError
from daemon.inference.batch.stop_criteria import CHECK_EVERY, StopReason
from daemon.inference.mlx.linear import Matrix
from daemon.inference.mlx.model_runner import MlxRunner, runner_errors
from daemon.inference.smolvlm.architecture import read_architecture
from tests.support.checkpoints import LOOPING, write_tiny_checkpoint
from tests.support.request_mixes import (
    ARRIVALS,
    ASKED,
    LIMITS,
    LONGEST,
    MARKED,
    REQUESTS,
    Arrival,
    Limits,
    check_mix,
    drained,
    expectation,
    new_batch,
)
from tests.support.torch_reference import Reference

CPU = mx.Device(mx.cpu)


@dataclass
class Failing:
    """A layer's matrix whose numbered calls run out of memory."""

    matrix: Matrix
    fail_at: frozenset[int]
    calls: int = 0

    def __call__(self, inputs: mx.array) -> mx.array:
        self.calls += 1
        if self.calls in self.fail_at:
            raise RuntimeError("[malloc] Unable to allocate 9 bytes.")
        return self.matrix(inputs)


class SmallBlocks(MlxRunner):
    """Slots of many capacities, so that there are many buckets; and a model that fails in the middle of its layers."""

    block = 16

    @contextmanager
    def short_of_memory(self, calls: frozenset[int]) -> Iterator[None]:
        """The numbered calls run out of memory after some layers have stored their keys and values."""
        layer = self._text.layers[2]
        matrix, layer.down = layer.down, Failing(layer.down, calls)  # type: ignore[assignment]
        try:
            yield
        finally:
            layer.down = matrix


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_checkpoint(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def reference(checkpoint: Path) -> Reference:
    torch.set_num_threads(1)
    return Reference(checkpoint)


def small_blocks(checkpoint: Path, *, look_ahead: bool) -> SmallBlocks:
    made = SmallBlocks.from_folder(checkpoint, CPU, mx.float32, look_ahead=look_ahead)
    assert isinstance(made, SmallBlocks)
    return made


@pytest.fixture(scope="module", params=[False, True], ids=["step by step", "one step ahead"])
def runner(request: pytest.FixtureRequest, checkpoint: Path) -> SmallBlocks:
    return small_blocks(checkpoint, look_ahead=request.param)


def check_every_mix(runner: SmallBlocks, reference: Reference, arrivals: list[Arrival], limits: Limits) -> None:
    check_mix(runner, reference, arrivals, limits, runner.short_of_memory(limits.short))
    assert not runner._cache._slots_by_id
    assert not runner._cache._buckets
    assert not runner._sampler._penalties
    assert not runner._sampler._sampled


@given(arrivals=ARRIVALS, limits=LIMITS)
@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_mix_of_arrivals_is_answered_as_transformers_would_alone(
    runner: SmallBlocks, reference: Reference, arrivals: list[Arrival], limits: Limits
) -> None:
    """Batched, ragged, joined midway, read piece by piece, sharing prefixes, beside cancelled ones, memory halved.

    Some are to repeat themselves less or are sampled, others beside them are not.
    """
    check_every_mix(runner, reference, arrivals, limits)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@given(arrivals=ARRIVALS, limits=LIMITS)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_hundred_mixes_of_arrivals_are_answered_as_transformers_would_alone(
    runner: SmallBlocks, reference: Reference, arrivals: list[Arrival], limits: Limits
) -> None:
    check_every_mix(runner, reference, arrivals, limits)


def test_one_alone_is_written_as_transformers_would(runner: SmallBlocks, reference: Reference) -> None:
    expect = expectation(reference)
    for request in REQUESTS:
        marked = [] if request.is_video or not request.pictures else [MARKED[len(request.pictures)]]
        question = (*marked, *ASKED)[0]
        batch = new_batch(runner, reference)
        batch.add(group := reference.group(request, [question], LONGEST))
        assert drained(batch, 40) == [group]
        assert [sequence.output_ids for sequence in group.sequences] == expect(request, (question,), LONGEST)


def test_an_answer_that_loops_is_transformers_own_up_to_where_it_is_stopped(tmp_path: Path) -> None:
    """And not a token longer or shorter, beside others that end elsewhere."""
    looping, limit = write_tiny_checkpoint(tmp_path, spread=LOOPING), 40
    runner, reference = small_blocks(looping, look_ahead=True), Reference(looping)
    batch = new_batch(runner, reference, rows=9)
    groups = {reference.group(request, ASKED[:2], limit): request for request in REQUESTS[:3]}
    for group in groups:
        batch.add(group)
    assert set(drained(batch, 100)) == set(groups)
    stops: Counter[StopReason | None] = Counter()
    for group, request in groups.items():
        for sequence, question in zip(group.sequences, ASKED[:2], strict=True):
            whole = reference.generated(request, question, limit)
            seen = (whole[:count] for count in range(CHECK_EVERY, len(whole) + 1, CHECK_EVERY))
            stopped = next(filter(is_looping, seen), None)
            assert sequence.output_ids == (whole if stopped is None else stopped)
            stops[sequence.stop_reason] += 1
    assert stops[StopReason.LOOP] >= 2


def test_features_do_not_depend_on_the_tiles_beside(runner: SmallBlocks) -> None:
    tiles = list(np.random.default_rng(0).standard_normal((4, 3, 64, 64), np.float32))
    together = runner.encode_images(tiles)
    for tile, features in zip(tiles, together, strict=True):
        np.testing.assert_allclose(np.array(features), np.array(runner.encode_images([tile])[0]), atol=1e-4, rtol=1e-4)


def test_kept_features_are_the_same_bit_for_bit_also_from_another_thread(runner: SmallBlocks) -> None:
    tiles = list(np.random.default_rng(0).standard_normal((1, 3, 64, 64), np.float32))
    features = runner.encode_images(tiles)[0]
    with ThreadPoolExecutor(1) as pool:
        again = pool.submit(runner.from_bytes, runner.to_bytes(features)).result()
    ids = [1, *[runner._image_id] * len(features), 9, 10]
    found = []
    for each in (features, again):
        slot = runner.add(ids, [each], 32)
        found.append(np.array(runner.prefill_scores([(slot, len(ids))])).tobytes())
        runner.free(slot)
    assert found[0] == found[1]
    assert runner.to_bytes(again) == runner.to_bytes(features)


def test_a_bucket_keeps_its_rows_while_slots_come_and_go_and_an_empty_one_takes_no_memory(runner: SmallBlocks) -> None:
    slots = [runner.add([7, 8, number], (), 32) for number in range(5)]
    runner.prefill([(slot, 3) for slot in slots])
    assert runner._cache[slots[0]].prompt is None
    bucket = runner._cache[slots[0]].bucket
    assert bucket.rows == 8, "a power of two"
    expected = [runner.decode([slot], [9])[0] for slot in slots]
    runner.free(slots[1])
    again = [runner.add([7, 8, number, 9], (), 32) for number in range(5)]
    assert bucket.rows == 16
    assert runner._cache[again[0]].index == 1, "the free row"
    assert list(runner.prefill([(slot, 4) for slot in again])) == expected
    for slot in [slots[0], *slots[2:], *again]:
        runner.free(slot)
    assert runner.cache_bytes == 0


def test_a_slot_that_went_wrong_leaves_nothing_behind_for_the_one_that_takes_its_row(runner: SmallBlocks) -> None:
    """Not a number: no mask would hide it."""

    def added(length: int) -> int:
        slot = runner.add(list(range(7, 7 + length)), (), 32)
        runner.prefill([(slot, length)])
        return slot

    short = added(3)
    expected = [runner.decode([short], [token])[0] for token in (5, 6)]
    runner.free(short)
    long, wrong = added(20), added(20)
    bucket, index = runner._cache[wrong].bucket, runner._cache[wrong].index
    for held in (*bucket.keys, *bucket.values):
        held[index] = mx.nan
    runner.free(wrong)
    short = added(3)
    assert runner._cache[short].index == index
    assert [runner.decode([long, short], [token, token])[1] for token in (5, 6)] == expected
    runner.free(long)
    runner.free(short)


@pytest.mark.parametrize(
    ("raised", "becomes"),
    [
        (RuntimeError("[malloc] Unable to allocate 9 bytes."), RunnerMemoryError),
        (
            RuntimeError("[METAL] … Insufficient Memory (kIOGPUCommandBufferCallbackErrorOutOfMemory)"),
            RunnerMemoryError,
        ),
        (RuntimeError("[metal::malloc] Attempting to allocate more than the maximum buffer size"), RunnerMemoryError),
        (MemoryError(), RunnerMemoryError),
        (RuntimeError("device lost"), RunnerError),
        (ValueError("[matmul] Last dimension …"), RunnerError),
    ],
)
def test_mlx_s_errors_say_whether_memory_was_short(raised: Exception, becomes: type[RunnerError]) -> None:
    with pytest.raises(RunnerError) as caught, runner_errors():
        raise raised
    assert type(caught.value) is becomes


def test_scores_that_are_not_finite_are_an_error(checkpoint: Path) -> None:
    runner = small_blocks(checkpoint, look_ahead=True)
    runner._text.norm[3] = mx.nan
    slot = runner.add([7, 8, 9], (), 32)
    with pytest.raises(RunnerError, match="not finite"):
        runner.prefill([(slot, 3)])


def test_the_budget_follows_the_memory_that_is_free(runner: SmallBlocks, monkeypatch: pytest.MonkeyPatch) -> None:
    a_token = 2 * 4 * 2 * 32 * 4  # keys and values, layers, heads, width, bytes
    monkeypatch.setattr("daemon.inference.mlx.model_runner.free_memory", lambda device: 4000 * a_token)
    assert runner.tokens_that_fit == 1000


def test_a_tiny_checkpoint_has_the_tensors_of_the_rule(checkpoint: Path) -> None:
    shapes = read_architecture(checkpoint).shapes()
    with (checkpoint / "model.safetensors").open("rb") as opened:
        header = json.loads(opened.read(int.from_bytes(opened.read(8), "little")))
    del header["__metadata__"]
    assert {name: tuple(tensor["shape"]) for name, tensor in header.items()} == shapes
