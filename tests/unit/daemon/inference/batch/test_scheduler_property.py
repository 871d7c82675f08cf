"""The batch under any order of arrivals, cancellations and failures."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from daemon.inference.batch.runner_protocol import RunnerError, RunnerMemoryError
from daemon.inference.batch.scheduler import Scheduler
from daemon.inference.batch.sequence import SequenceState
from daemon.inference.batch.stop_criteria import StopReason
from daemon.inference.sampling_params import GREEDY, SamplingParams
from tests.fakes.batch_runner import DRONE, END, POISON, HashRunner
from tests.support.batch_scenes import HashGroup, expected, said, scene

QUESTIONS = st.lists(st.lists(st.integers(1, 4), max_size=5), max_size=4)


class Arrivals(RuleBasedStateMachine):
    """Every scene that was added is live, cancelled, or was replied to exactly once."""

    @initialize(rows=st.integers(1, 6), tokens=st.integers(8, 200))
    def begin(self, rows: int, tokens: int) -> None:
        self.rows = rows
        self.runner = HashRunner()
        self.batch: Scheduler[int, str] = Scheduler(self.runner, rows=rows, tokens=tokens, end_id=END)
        self.live: dict[HashGroup, list[int]] = {}
        self.blows = 0

    @rule(tiles=st.lists(st.integers(0, 5), max_size=12), questions=QUESTIONS, limit=st.integers(1, 12))
    def arrive(self, tiles: list[int], questions: list[list[int]], limit: int) -> None:
        arrived = scene(tiles, questions, limit)
        self.live[arrived] = tiles
        self.batch.add(arrived)

    @rule(questions=QUESTIONS.filter(bool))
    def arrive_poisoned(self, questions: list[list[int]]) -> None:
        arrived = scene([POISON], questions)
        self.live[arrived] = [POISON]
        self.batch.add(arrived)

    @rule(tiles=st.lists(st.integers(0, 5), max_size=3), before=st.integers(1, 50), limit=st.integers(20, 60))
    def arrive_and_loop(self, tiles: list[int], before: int, limit: int) -> None:
        """One question whose answer goes round in circles, one like any other, and one that is decoded otherwise."""
        arrived = scene(tiles, [[before, DRONE], [before], [before, DRONE]], limit)
        arrived.sequences[2].decoding = SamplingParams(repetition_penalty=1.5)
        self.live[arrived] = tiles
        self.batch.add(arrived)

    @precondition(lambda self: self.live)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        unwanted = data.draw(st.sampled_from(list(self.live)))
        self.batch.cancel(unwanted)
        del self.live[unwanted]

    @rule(calls=st.integers(0, 3), short=st.booleans())
    def a_call_fails(self, calls: int, short: bool) -> None:
        """The next round fails in one of its calls."""
        self.blows += 1
        self.runner.failures = [RunnerMemoryError("full") if short else RunnerError("lost")]
        self.step()
        self.runner.failures.clear()

    @rule()
    def step(self) -> None:
        for over in self.batch.step():
            tiles = self.live.pop(over)  # a KeyError is a second reply, or one to a cancelled scene
            if over.failure is not None:
                self.blows -= POISON not in tiles
                assert self.blows >= 0, "a scene failed that had no reason to"
            else:
                assert POISON not in tiles or not over.sequences
                assert said(over) == expected(over, tiles)
                looped = [one for one in over.sequences if one.stop is StopReason.LOOP]
                assert all(DRONE in one.ids and one.decoding == GREEDY for one in looped)

    @invariant()
    def the_budget_is_kept(self) -> None:
        if not hasattr(self, "batch"):
            return
        placed = [one for kept in self.live for one in kept.sequences if one.is_scheduled]
        assert len(placed) <= self.rows
        # One answer alone is tried whatever it takes; a row that it forks from may stand beside it.
        assert self.runner.used <= self.batch.budget.tokens or len(placed) <= 1
        assert len(self.runner.rows) <= len(placed) + 1

    @invariant()
    def nobody_overtakes(self) -> None:
        if hasattr(self, "batch"):
            states = [one.state for kept in self.live for one in kept.sequences if one.state is not SequenceState.DONE]
            waiting = [state is SequenceState.WAITING for state in states]
            assert waiting == sorted(waiting)

    def teardown(self) -> None:
        if not hasattr(self, "batch"):
            return
        # Every round sees, reads or writes something, or finds a poisoned tile: the rounds are bounded.
        written = sum(len(one.ids) + one.limit + 1 for kept in self.live for one in kept.sequences)
        work = written + sum(map(len, self.live.values()))
        for _ in range(len(self.live) * 20 + 4 * work + 1):
            self.step()
        assert not self.live
        assert not self.runner.rows


Arrivals.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestArrivals = Arrivals.TestCase
