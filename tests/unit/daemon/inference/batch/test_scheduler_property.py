"""The scheduler under any order of arrivals, cancellations and failures."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from daemon.inference.batch.runner_protocol import RunnerError, RunnerMemoryError
from daemon.inference.batch.scheduler import Scheduler
from daemon.inference.batch.sequence import SequenceState, TokenSequence
from daemon.inference.batch.stop_criteria import StopReason
from daemon.inference.sampling_params import GREEDY, SamplingParams
from tests.fakes.batch_runner import END, LOOP_TRIGGER, POISON, HashRunner
from tests.support.sequence_groups import HashGroup, expected_outputs, make_group, outputs

QUESTIONS = st.lists(st.lists(st.integers(1, 4), max_size=5), max_size=4)


class Arrivals(RuleBasedStateMachine):
    """Every group that was added is live, cancelled, or was finished exactly once."""

    @initialize(rows=st.integers(1, 6), tokens=st.integers(8, 200))
    def begin(self, rows: int, tokens: int) -> None:
        self.max_sequences = rows
        self.runner = HashRunner()
        self.scheduler: Scheduler[int, str] = Scheduler(self.runner, max_sequences=rows, max_tokens=tokens, end_id=END)
        self.live: dict[HashGroup, list[int]] = {}
        self.failures_left = 0

    @rule(tiles=st.lists(st.integers(0, 5), max_size=12), questions=QUESTIONS, max_tokens=st.integers(1, 12))
    def arrive(self, tiles: list[int], questions: list[list[int]], max_tokens: int) -> None:
        arrived = make_group(tiles, questions, max_tokens)
        self.live[arrived] = tiles
        self.scheduler.add(arrived)

    @rule(questions=QUESTIONS.filter(bool))
    def arrive_poisoned(self, questions: list[list[int]]) -> None:
        arrived = make_group([POISON], questions)
        self.live[arrived] = [POISON]
        self.scheduler.add(arrived)

    @rule(tiles=st.lists(st.integers(0, 5), max_size=3), before=st.integers(1, 50), max_tokens=st.integers(20, 60))
    def arrive_and_loop(self, tiles: list[int], before: int, max_tokens: int) -> None:
        """One question whose answer loops, one like any other, and one with other sampling."""
        arrived = make_group(tiles, [[before, LOOP_TRIGGER], [before], [before, LOOP_TRIGGER]], max_tokens)
        arrived.sequences[2].sampling = SamplingParams(repetition_penalty=1.5)
        self.live[arrived] = tiles
        self.scheduler.add(arrived)

    @precondition(lambda self: self.live)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        unwanted = data.draw(st.sampled_from(list(self.live)))
        self.scheduler.cancel(unwanted)
        del self.live[unwanted]

    @rule(calls=st.integers(0, 3), short=st.booleans())
    def a_call_fails(self, calls: int, short: bool) -> None:
        """The next round fails in one of its calls."""
        self.failures_left += 1
        self.runner.failures = [RunnerMemoryError("full") if short else RunnerError("lost")]
        self.step()
        self.runner.failures.clear()

    @rule()
    def step(self) -> None:
        for finished in self.scheduler.step():
            tiles = self.live.pop(finished)  # a KeyError is a second reply, or one to a cancelled group
            if finished.failure is not None:
                self.failures_left -= POISON not in tiles
                assert self.failures_left >= 0, "a group failed without a reason"
            else:
                assert POISON not in tiles or not finished.sequences
                assert outputs(finished) == expected_outputs(finished, tiles)
                looped = [sequence for sequence in finished.sequences if sequence.stop_reason is StopReason.LOOP]
                assert all(LOOP_TRIGGER in sequence.prompt_ids and sequence.sampling == GREEDY for sequence in looped)

    def sequences(self) -> list[TokenSequence]:
        return [sequence for group in self.live for sequence in group.sequences]

    @invariant()
    def the_budget_is_kept(self) -> None:
        if not hasattr(self, "scheduler"):
            return
        scheduled = [sequence for sequence in self.sequences() if sequence.is_scheduled]
        assert len(scheduled) <= self.max_sequences
        # One sequence alone is tried whatever its size, with the slot that it forks from.
        assert self.runner.used <= self.scheduler.budget.max_tokens or len(scheduled) <= 1
        assert len(self.runner.slots) <= len(scheduled) + 1

    @invariant()
    def sequences_are_admitted_in_order(self) -> None:
        if hasattr(self, "scheduler"):
            states = [
                sequence.state
                for group in self.live
                for sequence in group.sequences
                if sequence.state is not SequenceState.DONE
            ]
            waiting = [state is SequenceState.WAITING for state in states]
            assert waiting == sorted(waiting)

    def teardown(self) -> None:
        if not hasattr(self, "scheduler"):
            return
        # Every round encodes, prefills or decodes something, or meets a poisoned tile: the rounds are bounded.
        tokens_left = sum(
            len(sequence.prompt_ids) + sequence.max_tokens + 1 for group in self.live for sequence in group.sequences
        )
        work = tokens_left + sum(map(len, self.live.values()))
        for _ in range(len(self.live) * 20 + 4 * work + 1):
            self.step()
        assert not self.live
        assert not self.runner.slots


Arrivals.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestArrivals = Arrivals.TestCase
