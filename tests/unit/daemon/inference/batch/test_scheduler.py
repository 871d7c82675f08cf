"""How the scheduler admits, shares prefixes, keeps the budget and preempts."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from daemon.inference.batch.runner_protocol import RunnerMemoryError
from daemon.inference.batch.scheduler import Scheduler
from daemon.inference.batch.sequence import SequenceGroup, SequenceState, TokenSequence, shared_prefix_length
from daemon.inference.batch.stop_criteria import StopReason, stop_reason
from daemon.inference.batch.token_budget import TokenBudget
from tests.fakes.batch_runner import END, LOOP_TRIGGER, POISON, HashRunner
from tests.support.sequence_groups import HashGroup, expected_outputs, long_winded, make_group, outputs


@pytest.fixture
def runner() -> HashRunner:
    return HashRunner()


def make_scheduler(runner: HashRunner, *, max_sequences: int = 8, max_tokens: int = 1000) -> Scheduler[int, str]:
    return Scheduler(runner, max_sequences=max_sequences, max_tokens=max_tokens, end_id=END)


def drained(scheduler: Scheduler[int, str], rounds: int = 200) -> list[HashGroup]:
    return [finished for _ in range(rounds) for finished in scheduler.step()]


def test_a_shared_prefix_is_prefilled_once_and_the_other_questions_fork(runner: HashRunner) -> None:
    group = make_group([1, 2, 3], [[1], [2, 2], [3]])
    scheduler = make_scheduler(runner)
    scheduler.add(group)
    assert drained(scheduler) == [group]
    assert outputs(group) == expected_outputs(group, [1, 2, 3])
    assert runner.calls.count("add") == 1
    assert runner.calls.count("fork") == 2
    assert runner.encoded == [[1, 2, 3]]
    assert sum(runner.prefilled) == 7 + 3 + 2, "one whole prompt, and what follows the prefix in the others"


def test_with_one_sequence_at_a_time_a_finished_slot_is_kept_until_the_next_has_forked(runner: HashRunner) -> None:
    group = make_group([1], [[1], [2]])
    scheduler = make_scheduler(runner, max_sequences=1)
    scheduler.add(group)
    assert drained(scheduler) == [group]
    assert runner.calls.count("add") == runner.calls.count("fork") == 1
    assert not runner.slots


def test_a_tile_at_two_positions_is_encoded_once(runner: HashRunner) -> None:
    group = make_group([4, 5, 4], [[1]])
    group.tiles, group.tile_indices = (4, 5), (0, 1, 0)
    scheduler = make_scheduler(runner)
    scheduler.add(group)
    drained(scheduler)
    assert runner.encoded == [[4, 5]]
    assert outputs(group) == expected_outputs(group, [4, 5, 4])


def test_a_waiting_sequence_replaces_a_finished_one_at_once(runner: HashRunner) -> None:
    short, long, waiting = long_winded(1), long_winded(30), long_winded(5)
    scheduler = make_scheduler(runner, max_sequences=2)
    for group in (short, long, waiting):
        scheduler.add(group)
    assert scheduler.step() == [short]
    scheduler.step()
    assert len(runner.slots) == 2
    assert drained(scheduler) == [waiting, long]


def test_an_urgent_group_goes_before_those_that_wait_and_stops_nothing_that_runs(runner: HashRunner) -> None:
    running, waiting, urgent = make_group([1], [[1]]), make_group([2], [[2]]), make_group([3], [[3]])
    urgent.is_urgent = True
    scheduler = make_scheduler(runner, max_sequences=1)
    scheduler.add(running)
    scheduler.step()
    for group in (waiting, urgent):
        scheduler.add(group)
    assert drained(scheduler) == [running, urgent, waiting]
    assert runner.calls.count("add") == 3, "none was preempted"


def test_out_of_memory_preempts_an_urgent_group_last(runner: HashRunner) -> None:
    groups = [long_winded(9, after=number) for number in range(4)]
    groups[3].is_urgent = True
    scheduler = make_scheduler(runner)
    for group in groups:
        scheduler.add(group)
    scheduler.step()
    runner.failures = [RunnerMemoryError("full")]
    scheduler.step()
    begun = [bool(group.sequences[0].output_ids) for group in groups]
    assert begun == [True, False, False, True]


def test_slots_are_bounded_by_memory_too(runner: HashRunner) -> None:
    scheduler = make_scheduler(runner, max_tokens=48)
    for _ in range(6):
        scheduler.add(long_winded(6))  # 5 tokens of prompt and 6 of output: two blocks of 8
    scheduler.step()
    assert runner.used == 48
    assert len(drained(scheduler)) == 6


def test_what_is_larger_than_the_whole_budget_runs_alone(runner: HashRunner) -> None:
    large, small = make_group([1] * 40, [[1]]), make_group([2], [[1]])
    scheduler = make_scheduler(runner, max_tokens=24)
    scheduler.add(small)
    scheduler.add(large)
    assert drained(scheduler) == [small, large]
    assert large.peak_batch_size == 1


def test_long_prompts_are_prefilled_in_chunks_while_others_decode(runner: HashRunner) -> None:
    short, long = long_winded(30), make_group([], [[1] * 3000])
    scheduler = make_scheduler(runner, max_tokens=10_000)
    scheduler.add(short)
    scheduler.step()
    scheduler.add(long)
    before = len(short.sequences[0].output_ids)
    scheduler.step()
    scheduler.step()
    assert max(runner.prefilled) <= scheduler.budget.tokens_per_step
    assert len(short.sequences[0].output_ids) == before + 2
    assert set(drained(scheduler)) == {short, long}
    assert outputs(long) == expected_outputs(long, [])


def test_many_tiles_are_encoded_a_few_a_step(runner: HashRunner) -> None:
    scheduler = make_scheduler(runner)
    scheduler.add(make_group([1] * 20, [[1]]))
    drained(scheduler)
    assert [len(tiles) for tiles in runner.encoded] == [8, 8, 4]


def test_tiles_of_several_groups_are_encoded_together(runner: HashRunner) -> None:
    scheduler = make_scheduler(runner)
    for tile in range(5):
        scheduler.add(make_group([tile], [[1]]))
    drained(scheduler)
    assert runner.encoded == [[0, 1, 2, 3, 4]]


def test_out_of_memory_preempts_the_youngest_and_keeps_the_oldest(runner: HashRunner) -> None:
    groups = [long_winded(9, after=number) for number in range(4)]
    tiles = [list(group.tiles) for group in groups]
    scheduler = make_scheduler(runner)
    for group in groups:
        scheduler.add(group)
    scheduler.step()
    begun = [len(group.sequences[0].output_ids) for group in groups]
    runner.failures = [RunnerMemoryError("full")]
    scheduler.step()
    assert [len(group.sequences[0].output_ids) for group in groups] == [*begun[:2], 0, 0]
    assert len(runner.slots) == 2
    assert set(drained(scheduler)) == set(groups)
    assert [outputs(group) for group in groups] == [expected_outputs(*pair) for pair in zip(groups, tiles, strict=True)]


def test_a_failure_preempts_all_and_each_is_tried_in_a_smaller_batch(runner: HashRunner) -> None:
    groups = [make_group([tile], [[1]]) for tile in (1, POISON, 2)]
    scheduler = make_scheduler(runner)
    for group in groups:
        scheduler.add(group)
    assert set(drained(scheduler)) == set(groups)
    assert [group.failure for group in groups] == [None, "poisoned", None]
    assert outputs(groups[2]) == expected_outputs(groups[2], [2])


def test_out_of_memory_with_one_sequence_makes_its_steps_smaller_first(runner: HashRunner) -> None:
    group = make_group(range(8), [[1]])
    scheduler = make_scheduler(runner)
    scheduler.add(group)
    runner.failures = [RunnerMemoryError("full")] * 2
    assert drained(scheduler) == [group]
    assert [len(tiles) for tiles in runner.encoded] == [2, 2, 2, 2]
    assert group.failure is None


@pytest.mark.parametrize(
    "until",
    [
        lambda sequence: True,
        lambda sequence: sequence.state is SequenceState.DECODE,
        lambda sequence: sequence.is_finished,
    ],
    ids=["before any tile is encoded", "in the middle of an answer", "with the first slot kept for the second"],
)
def test_what_never_fits_fails_in_the_end(runner: HashRunner, until: Callable[[TokenSequence], bool]) -> None:
    group = make_group([15], [[1], [2]])
    scheduler = make_scheduler(runner, max_sequences=1)
    scheduler.add(group)
    while not until(group.sequences[0]):
        assert scheduler.step() == []
    runner.failures = [RunnerMemoryError("full")] * 1000
    assert drained(scheduler) == [group]
    assert group.failure == "full"
    assert not runner.slots


def test_a_slot_that_is_kept_to_fork_from_counts_as_used(runner: HashRunner) -> None:
    long, group = long_winded(30), make_group([15], [[1], [2]], 3)
    # Five blocks for the long one, one for each of the others.
    scheduler = make_scheduler(runner, max_sequences=2, max_tokens=48)
    scheduler.add(long)
    scheduler.add(group)
    assert drained(scheduler) == [long, group]
    assert runner.peak == 48


def test_a_halved_budget_recovers_as_sequences_finish() -> None:
    budget = TokenBudget(max_sequences=8, max_tokens=1000, block=8)
    budget.halve(used=400)
    assert budget.max_tokens == 200
    assert budget.shrink()
    budget.recover(300)
    assert budget.max_tokens == 500
    budget.recover(3000)
    assert (budget.max_tokens, budget.tiles_per_step) == (1000, 8)


def test_a_cancelled_group_s_slots_are_freed_at_once(runner: HashRunner) -> None:
    unwanted, wanted = make_group([1], [[1], [2]], 30), make_group([2], [[1]])
    scheduler = make_scheduler(runner, max_sequences=2)
    scheduler.add(unwanted)
    scheduler.add(wanted)
    scheduler.step()
    scheduler.step()
    scheduler.cancel(unwanted)
    assert not runner.slots
    assert drained(scheduler) == [wanted]
    scheduler.cancel(unwanted)


def test_it_accepts_groups_until_one_waits_or_a_step_s_tiles_are_pending(runner: HashRunner) -> None:
    scheduler = make_scheduler(runner, max_sequences=2)
    assert scheduler.can_accept
    scheduler.add(make_group([1], [[1]]))
    assert scheduler.can_accept
    scheduler.add(make_group([1], [[1], [2]]))
    assert not scheduler.can_accept, "one sequence waits"
    roomy = make_scheduler(runner)
    roomy.add(make_group(range(8), [[1]]))
    assert not roomy.can_accept, "a step's tiles are pending"


def test_a_group_without_sequences_is_finished_in_the_next_step(runner: HashRunner) -> None:
    scheduler = make_scheduler(runner)
    empty = make_group([1], [])
    scheduler.add(empty)
    assert scheduler.step() == [empty]
    assert runner.calls == []


@pytest.mark.parametrize(
    ("prompts", "shared"),
    [([], 0), ([[1, 2, 3]], 2), ([[1, 2, 3], [1, 2, 4]], 2), ([[1, 2], [1, 2, 3]], 1), ([[1], [2]], 0)],
)
def test_prompts_share_their_beginning_but_never_their_last_token(prompts: list[list[int]], shared: int) -> None:
    assert shared_prefix_length(prompts) == shared


def test_an_answer_ends_at_the_end_token_or_at_its_limit() -> None:
    assert stop_reason([5], end_id=0, max_tokens=2) is None
    assert stop_reason([5, 6], end_id=0, max_tokens=2) is StopReason.LIMIT
    assert stop_reason([5, 0], end_id=0, max_tokens=2) is StopReason.END


def test_an_answer_ends_once_it_has_looped_for_a_while() -> None:
    stops = [stop_reason([7, 8, 9] * 20, end_id=0, max_tokens=60), stop_reason([7, 8, 9] * 8, end_id=0, max_tokens=60)]
    assert stops == [StopReason.LOOP, StopReason.LOOP]
    assert stop_reason([7, 8, 9] * 7, end_id=0, max_tokens=60) is None
    assert stop_reason([7] * 25, end_id=0, max_tokens=60) is None, "checked after every fourth token"
    assert stop_reason([7] * 24 + [0], end_id=0, max_tokens=60) is StopReason.END


def test_without_an_end_token_every_answer_runs_to_its_limit() -> None:
    assert stop_reason([7] * 59, end_id=None, max_tokens=60) is None
    assert stop_reason([7] * 60, end_id=None, max_tokens=60) is StopReason.LIMIT


def test_a_list_of_new_things_is_no_loop_though_each_line_begins_alike() -> None:
    outputs = [token for line in range(20) for token in (7, 8, 9, 100 + line, 10)]
    assert not any(stop_reason(outputs[:end], end_id=0, max_tokens=1000) for end in range(len(outputs)))


def test_a_looping_answer_is_stopped_and_the_others_do_not_change(runner: HashRunner) -> None:
    looping, other = make_group([1], [[LOOP_TRIGGER]], 500), long_winded(40)
    scheduler = make_scheduler(runner, max_sequences=2)
    tiles = list(other.tiles)
    for group in (looping, other):
        scheduler.add(group)
    assert drained(scheduler) == [looping, other]
    assert looping.sequences[0].stop_reason is StopReason.LOOP
    assert len(looping.sequences[0].output_ids) == len(expected_outputs(looping, [1])[0]) < 50
    assert outputs(other) == expected_outputs(other, tiles)


def test_features_of_an_earlier_group_are_not_encoded_again(runner: HashRunner) -> None:
    first = make_group([4, 5], [[1], [2]])
    scheduler = make_scheduler(runner)
    scheduler.add(first)
    drained(scheduler)
    again: HashGroup = SequenceGroup(
        (), first.tile_indices, [TokenSequence(first.sequences[1].prompt_ids, 6)], first.tile_features
    )
    scheduler.add(again)
    assert drained(scheduler) == [again]
    assert outputs(again) == [outputs(first)[1]]
    assert runner.encoded == [[4, 5]]


def test_without_an_end_token_loops_run_to_their_limit(runner: HashRunner) -> None:
    forced: Scheduler[int, str] = Scheduler(runner, max_sequences=1, max_tokens=1000, end_id=None)
    forced.add(group := make_group([1], [[LOOP_TRIGGER]], 200))
    assert drained(forced, 210) == [group]
    assert (len(group.sequences[0].output_ids), group.sequences[0].stop_reason) == (200, StopReason.LIMIT)
