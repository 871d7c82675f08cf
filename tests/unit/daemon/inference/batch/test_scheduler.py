"""How the batch fills, shares, bounds and falls back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from daemon.inference.batch.runner_protocol import RunnerMemoryError
from daemon.inference.batch.scheduler import Scheduler
from daemon.inference.batch.sequence import SequenceGroup, SequenceState, TokenSequence, shared_prefix
from daemon.inference.batch.stop_criteria import StopReason, stop_reason
from daemon.inference.batch.token_budget import TokenBudget
from tests.fakes.batch_runner import DRONE, END, POISON, HashRunner
from tests.support.batch_scenes import HashGroup, expected, said, scene, talkative


@pytest.fixture
def runner() -> HashRunner:
    return HashRunner()


def batch(runner: HashRunner, *, rows: int = 8, tokens: int = 1000) -> Scheduler[int, str]:
    return Scheduler(runner, rows=rows, tokens=tokens, end_id=END)


def drained(batch: Scheduler[int, str], rounds: int = 200) -> list[HashGroup]:
    return [over for _ in range(rounds) for over in batch.step()]


def test_a_prefix_is_read_once_and_its_questions_fork_from_there(runner: HashRunner) -> None:
    shown = scene([1, 2, 3], [[1], [2, 2], [3]])
    engine = batch(runner)
    engine.add(shown)
    assert drained(engine) == [shown]
    assert said(shown) == expected(shown, [1, 2, 3])
    assert runner.calls.count("add") == 1
    assert runner.calls.count("fork") == 2
    assert runner.looked == [[1, 2, 3]]
    assert sum(runner.reads) == 7 + 3 + 2, "one whole prompt, and what follows the prefix in the others"


def test_with_one_row_a_finished_answer_s_row_is_kept_until_the_next_has_forked(runner: HashRunner) -> None:
    shown = scene([1], [[1], [2]])
    engine = batch(runner, rows=1)
    engine.add(shown)
    assert drained(engine) == [shown]
    assert runner.calls.count("add") == runner.calls.count("fork") == 1
    assert not runner.rows


def test_a_tile_that_stands_in_two_places_is_looked_at_once(runner: HashRunner) -> None:
    shown = scene([4, 5, 4], [[1]])
    shown.tiles, shown.tile_indices = (4, 5), (0, 1, 0)
    engine = batch(runner)
    engine.add(shown)
    drained(engine)
    assert runner.looked == [[4, 5]]
    assert said(shown) == expected(shown, [4, 5, 4])


def test_a_waiting_answer_takes_the_place_of_a_finished_one_at_once(runner: HashRunner) -> None:
    short, long, waiting = talkative(1), talkative(30), talkative(5)
    engine = batch(runner, rows=2)
    for shown in (short, long, waiting):
        engine.add(shown)
    assert engine.step() == [short]
    engine.step()
    assert len(runner.rows) == 2
    assert drained(engine) == [waiting, long]


def test_rows_are_bounded_by_memory_too(runner: HashRunner) -> None:
    engine = batch(runner, tokens=48)
    for _ in range(6):
        engine.add(talkative(6))  # 5 tokens to read and 6 to say: two blocks of 8
    engine.step()
    assert runner.used == 48
    assert len(drained(engine)) == 6


def test_what_is_larger_than_the_whole_budget_runs_alone(runner: HashRunner) -> None:
    large, small = scene([1] * 40, [[1]]), scene([2], [[1]])
    engine = batch(runner, tokens=24)
    engine.add(small)
    engine.add(large)
    assert drained(engine) == [small, large]
    assert large.peak_batch_size == 1


def test_long_prompts_are_read_piece_by_piece_while_others_are_written(runner: HashRunner) -> None:
    short, long = talkative(30), scene([], [[1] * 3000])
    engine = batch(runner, tokens=10_000)
    engine.add(short)
    engine.step()
    engine.add(long)
    before = len(short.sequences[0].output_ids)
    engine.step()
    engine.step()
    assert max(runner.reads) <= engine.budget.tokens_per_step
    assert len(short.sequences[0].output_ids) == before + 2
    assert set(drained(engine)) == {short, long}
    assert said(long) == expected(long, [])


def test_many_tiles_are_looked_at_a_few_a_round(runner: HashRunner) -> None:
    engine = batch(runner)
    engine.add(scene([1] * 20, [[1]]))
    drained(engine)
    assert [len(tiles) for tiles in runner.looked] == [8, 8, 4]


def test_tiles_of_several_scenes_are_looked_at_together(runner: HashRunner) -> None:
    engine = batch(runner)
    for tile in range(5):
        engine.add(scene([tile], [[1]]))
    drained(engine)
    assert runner.looked == [[0, 1, 2, 3, 4]]


def test_short_memory_sends_the_youngest_back_and_lets_the_oldest_go_on(runner: HashRunner) -> None:
    scenes = [talkative(9, after=number) for number in range(4)]
    looked = [list(shown.tiles) for shown in scenes]
    engine = batch(runner)
    for shown in scenes:
        engine.add(shown)
    engine.step()
    begun = [len(shown.sequences[0].output_ids) for shown in scenes]
    runner.failures = [RunnerMemoryError("full")]
    engine.step()
    assert [len(shown.sequences[0].output_ids) for shown in scenes] == [*begun[:2], 0, 0]
    assert len(runner.rows) == 2
    assert set(drained(engine)) == set(scenes)
    assert [said(shown) for shown in scenes] == [expected(*pair) for pair in zip(scenes, looked, strict=True)]


def test_a_failure_sends_all_back_and_each_is_tried_with_fewer_beside_it(runner: HashRunner) -> None:
    scenes = [scene([tile], [[1]]) for tile in (1, POISON, 2)]
    engine = batch(runner)
    for shown in scenes:
        engine.add(shown)
    assert set(drained(engine)) == set(scenes)
    assert [shown.failure for shown in scenes] == [None, "poisoned", None]
    assert said(scenes[2]) == expected(scenes[2], [2])


def test_memory_that_is_short_even_for_one_makes_its_rounds_smaller_first(runner: HashRunner) -> None:
    shown = scene(range(8), [[1]])
    engine = batch(runner)
    engine.add(shown)
    runner.failures = [RunnerMemoryError("full")] * 2
    assert drained(engine) == [shown]
    assert [len(tiles) for tiles in runner.looked] == [2, 2, 2, 2]
    assert shown.failure is None


@pytest.mark.parametrize(
    "until",
    [
        lambda one: True,
        lambda one: one.state is SequenceState.DECODE,
        lambda one: one.is_finished,
    ],
    ids=["before anything was seen", "in the middle of an answer", "with the first answer's row kept for the second"],
)
def test_what_never_fits_fails_in_the_end(runner: HashRunner, until: Callable[[TokenSequence], bool]) -> None:
    shown = scene([15], [[1], [2]])
    engine = batch(runner, rows=1)
    engine.add(shown)
    while not until(shown.sequences[0]):
        assert engine.step() == []
    runner.failures = [RunnerMemoryError("full")] * 1000
    assert drained(engine) == [shown]
    assert shown.failure == "full"
    assert not runner.rows


def test_a_row_that_is_kept_to_fork_from_counts(runner: HashRunner) -> None:
    long, shown = talkative(30), scene([15], [[1], [2]], 3)
    engine = batch(runner, rows=2, tokens=48)  # five blocks for the long one, one for each of the others
    engine.add(long)
    engine.add(shown)
    assert drained(engine) == [long, shown]
    assert runner.peak == 48


def test_a_budget_that_was_halved_recovers_with_the_answers_that_are_finished() -> None:
    budget = TokenBudget(rows=8, tokens=1000, block=8)
    budget.halve(used=400)
    assert budget.tokens == 200
    assert budget.shrink()
    budget.recover(300)
    assert budget.tokens == 500
    budget.recover(3000)
    assert (budget.tokens, budget.tiles_per_step) == (1000, 8)


def test_a_cancelled_scene_s_rows_are_free_at_once(runner: HashRunner) -> None:
    unwanted, wanted = scene([1], [[1], [2]], 30), scene([2], [[1]])
    engine = batch(runner, rows=2)
    engine.add(unwanted)
    engine.add(wanted)
    engine.step()
    engine.step()
    engine.cancel(unwanted)
    assert not runner.rows
    assert drained(engine) == [wanted]
    engine.cancel(unwanted)


def test_it_is_hungry_until_somebody_waits_or_enough_is_to_be_looked_at(runner: HashRunner) -> None:
    engine = batch(runner, rows=2)
    assert engine.can_accept
    engine.add(scene([1], [[1]]))
    assert engine.can_accept
    engine.add(scene([1], [[1], [2]]))
    assert not engine.can_accept, "one question has no place"
    roomy = batch(runner)
    roomy.add(scene(range(8), [[1]]))
    assert not roomy.can_accept, "a round's tiles are there"


def test_a_scene_without_questions_is_over_in_the_next_round(runner: HashRunner) -> None:
    engine = batch(runner)
    empty = scene([1], [])
    engine.add(empty)
    assert engine.step() == [empty]
    assert runner.calls == []


@pytest.mark.parametrize(
    ("prompts", "shared"),
    [([], 0), ([[1, 2, 3]], 2), ([[1, 2, 3], [1, 2, 4]], 2), ([[1, 2], [1, 2, 3]], 1), ([[1], [2]], 0)],
)
def test_prompts_share_what_they_begin_with_but_never_their_last_token(prompts: list[list[int]], shared: int) -> None:
    assert shared_prefix(prompts) == shared


def test_an_answer_is_over_at_the_end_token_or_at_its_limit() -> None:
    assert stop_reason([5], end_id=0, limit=2) is None
    assert stop_reason([5, 6], end_id=0, limit=2) is StopReason.LIMIT
    assert stop_reason([5, 0], end_id=0, limit=2) is StopReason.END


def test_an_answer_is_over_as_soon_as_it_has_gone_round_in_circles_for_a_while() -> None:
    stops = [stop_reason([7, 8, 9] * 20, end_id=0, limit=60), stop_reason([7, 8, 9] * 8, end_id=0, limit=60)]
    assert stops == [StopReason.LOOP, StopReason.LOOP]
    assert stop_reason([7, 8, 9] * 7, end_id=0, limit=60) is None
    assert stop_reason([7] * 25, end_id=0, limit=60) is None, "looked at after every fourth token"
    assert stop_reason([7] * 24 + [0], end_id=0, limit=60) is StopReason.END


def test_without_an_end_token_everything_goes_on_to_its_limit() -> None:
    assert stop_reason([7] * 59, end_id=None, limit=60) is None
    assert stop_reason([7] * 60, end_id=None, limit=60) is StopReason.LIMIT


def test_a_list_of_new_things_is_no_loop_though_each_line_begins_alike() -> None:
    said = [token for line in range(20) for token in (7, 8, 9, 100 + line, 10)]
    assert not any(stop_reason(said[:end], end_id=0, limit=1000) for end in range(len(said)))


def test_an_answer_that_loops_makes_room_and_its_neighbours_do_not_notice(runner: HashRunner) -> None:
    looping, other = scene([1], [[DRONE]], 500), talkative(40)
    engine = batch(runner, rows=2)
    looked = list(other.tiles)
    for shown in (looping, other):
        engine.add(shown)
    assert drained(engine) == [looping, other]
    assert looping.sequences[0].stop is StopReason.LOOP
    assert len(looping.sequences[0].output_ids) == len(expected(looping, [1])[0]) < 50
    assert said(other) == expected(other, looked)


def test_what_was_seen_for_an_earlier_scene_is_not_looked_at_again(runner: HashRunner) -> None:
    first = scene([4, 5], [[1], [2]])
    engine = batch(runner)
    engine.add(first)
    drained(engine)
    again: HashGroup = SequenceGroup(
        (), first.tile_indices, [TokenSequence(first.sequences[1].ids, 6)], first.tile_features
    )
    engine.add(again)
    assert drained(engine) == [again]
    assert said(again) == [said(first)[1]]
    assert runner.looked == [[4, 5]]


def test_forced_answers_loop_to_their_limit(runner: HashRunner) -> None:
    forced: Scheduler[int, str] = Scheduler(runner, rows=1, tokens=1000, end_id=None)
    forced.add(shown := scene([1], [[DRONE]], 200))
    assert drained(forced, 210) == [shown]
    assert (len(shown.sequences[0].output_ids), shown.sequences[0].stop) == (200, StopReason.LIMIT)
