"""The batch on the torch runner, in float32, against transformers: token for token, whatever runs beside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from config.recipes import Question
from daemon.inference.batch.repetition import is_looping
from daemon.inference.batch.runner_protocol import RunnerError, RunnerMemoryError
from daemon.inference.batch.scheduler import Scheduler
from daemon.inference.batch.stop_criteria import CHECK_EVERY, StopReason
from daemon.inference.engine import Request
from daemon.inference.sampling_params import GREEDY, SamplingParams
from daemon.inference.smolvlm.processor import Floats
from daemon.inference.smolvlm.tile_dedup import deduplicate
from daemon.inference.torch.model_runner import TorchRunner, runner_errors
from tests.contracts.test_engine import QUESTIONS, picture, video
from tests.support.checkpoints import LOOPING, write_tiny_checkpoint
from tests.support.torch_reference import Reference, TorchGroup

LONGEST = 20
STILL = replace(video("still", 4), pictures=video("still", 1).pictures * 4)  # four frames, all the same
ASKED = (*QUESTIONS, Question(name="colour", ask="Which colours do you see, and where are they?", tokens=LONGEST))
TWO = replace(picture("two"), pictures=(*picture("a").pictures, *picture("c", size=(30, 200)).pictures))
TEXT = Request(id="text", pictures=(), questions=QUESTIONS)
REQUESTS = (
    picture("a"),
    video("b", 3),
    picture("c", size=(30, 200)),
    video("d", 7),
    STILL,
    TWO,
    TEXT,
    replace(TWO, id="two after a system prompt", system="Look at the colours."),
    replace(TEXT, id="text after a system prompt", system="Answer in one word."),
)
#: Pictures among text, one or two of them.
MARKED = {
    1: Question(name="marked", ask="Describe <image> in one sentence.", tokens=LONGEST),
    2: Question(name="marked", ask="Describe this image: <image> Which colours has <image>?", tokens=LONGEST),
}


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


Batch = Scheduler[Floats, Tensor]
Expect = Callable[[Request, tuple[Question, ...], int], list[list[int]]]


@pytest.fixture(scope="module")
def expect(reference: Reference) -> Expect:
    """Greedy answers do not depend on their limit: shorter ones are the beginnings of the longest."""

    def of(request: Request, questions: tuple[Question, ...], limit: int) -> list[list[int]]:
        sampling = request.sampling
        return [
            reference.generated(request, question, LONGEST, sampling.get(question.name, GREEDY))[:limit]
            for question in questions
        ]

    return of


def new_batch(runner: TorchRunner, reference: Reference, *, rows: int = 8, tokens: int = 100_000) -> Batch:
    return Scheduler(runner, max_sequences=rows, max_tokens=tokens, end_id=reference.processor.end_id)


def drained(batch: Batch, rounds: int = 400) -> list[TorchGroup]:
    return [finished for _ in range(rounds) for finished in batch.step()]


@dataclass(frozen=True)
class Arrival:
    """`pause`: rounds before it; `leaves`: rounds after which it is cancelled, if it was not over by then."""

    pause: int
    request: Request
    questions: tuple[Question, ...]
    limit: int
    leaves: int | None


#: For some of the questions.
DECODING = st.dictionaries(
    st.sampled_from([question.name for question in ASKED]),
    st.sampled_from(
        [
            SamplingParams(repetition_penalty=1.15),
            SamplingParams(repetition_penalty=3.0),
            SamplingParams(repetition_penalty=0.5),
            SamplingParams(temperature=0.7, seed=1),
            SamplingParams(temperature=0.7, seed=2),
            SamplingParams(temperature=1.3, top_k=20, top_p=0.9, seed=1),
            SamplingParams(temperature=1.3, top_p=0.8, repetition_penalty=1.2),
        ]
    ),
)
ARRIVALS = st.lists(
    st.builds(
        Arrival,
        pause=st.integers(0, 5),
        request=st.builds(replace, st.sampled_from(REQUESTS), sampling=DECODING),
        questions=st.lists(st.sampled_from(ASKED), min_size=1, max_size=3, unique=True).map(tuple),
        limit=st.integers(1, LONGEST),
        leaves=st.none() | st.integers(0, 6),
    ),
    min_size=1,
    max_size=7,
)


@given(
    arrivals=ARRIVALS,
    rows=st.integers(1, 7),
    tokens=st.sampled_from([64, 400, 800, 100_000]),
    piece=st.sampled_from([7, 50, 1024]),
    short=st.frozensets(st.integers(1, 25), max_size=3),
)
@settings(max_examples=25, deadline=None)
def test_every_mix_of_arrivals_is_answered_as_transformers_would_alone(
    runner: SmallBlocks,
    reference: Reference,
    expect: Expect,
    arrivals: list[Arrival],
    rows: int,
    tokens: int,
    piece: int,
    short: frozenset[int],
) -> None:
    """Batched, ragged, joined midway, read piece by piece, sharing prefixes, beside cancelled ones, memory halved.

    Some are to repeat themselves less or are sampled, others beside them are not.
    """
    batch = new_batch(runner, reference, rows=rows, tokens=tokens)
    batch.budget.tokens_per_step = piece
    live: dict[TorchGroup, Arrival] = {}
    leaving: list[tuple[int, TorchGroup]] = []
    found: dict[TorchGroup, list[list[int]]] = {}
    rounds = 0
    with runner.short_of_memory(short):
        waiting = list(arrivals)
        due = waiting[0].pause
        while waiting or live:
            if waiting and rounds >= due:
                arrival = waiting.pop(0)
                group = reference.group(arrival.request, arrival.questions, arrival.limit)
                live[group] = arrival
                batch.add(group)
                if arrival.leaves is not None:
                    leaving.append((rounds + arrival.leaves, group))
                due = rounds + (waiting[0].pause if waiting else 0)
                continue
            for when, group in leaving:
                if when == rounds and group in live:
                    del live[group]
                    batch.cancel(group)
            for finished in batch.step():
                arrival = live.pop(finished)
                assert finished.failure is None
                found[finished] = [sequence.output_ids for sequence in finished.sequences]
                assert found[finished] == expect(arrival.request, arrival.questions, arrival.limit)
            rounds += 1
            assert rounds < 1000
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
