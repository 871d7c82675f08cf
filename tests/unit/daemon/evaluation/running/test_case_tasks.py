from __future__ import annotations

from pathlib import Path

from daemon.evaluation.running.case_tasks import tasks_of
from daemon.evaluation.suites.suite import Case, Suite

GREEDY = Case(name="greedy", ask="What?", contains="dog")
SAMPLED = Case(name="sampled", ask="What?", contains="dog", temperature=1.0, repeat=3)
FIXED = Case(name="fixed", ask="What?", contains="dog", temperature=1.0, repeat=2, seed=9)
MEASURED = Case(name="measured", measure="memory-line")
SUITE = Suite(name="mine", description="", cases=(GREEDY, SAMPLED, FIXED, MEASURED), media_folder=Path("/"))


def test_each_case_is_asked_as_often_as_it_or_the_run_wants() -> None:
    keys = [task.key for task in tasks_of([SUITE], repeat=2, seed=0)]
    counts = {name: sum(key[1] == name for key in keys) for name in ("greedy", "sampled", "fixed", "measured")}
    assert counts == {"greedy": 2, "sampled": 3, "fixed": 2, "measured": 1}


def test_a_sampled_answer_has_the_next_seed_each_time_unless_its_case_has_one() -> None:
    seeds = {task.key[1:]: task.seed for task in tasks_of([SUITE], repeat=1, seed=5)}
    assert [seeds["sampled", k] for k in range(3)] == [5, 6, 7]
    assert [seeds["fixed", k] for k in range(2)] == [9, 9]
    assert seeds["greedy", 0] is None


def test_what_is_done_is_left_out() -> None:
    done = {("mine", "greedy", 0), ("mine", "sampled", 1)}
    left = {task.key for task in tasks_of([SUITE], repeat=1, seed=0, done=done)}
    assert left == {task.key for task in tasks_of([SUITE], repeat=1, seed=0)} - done
