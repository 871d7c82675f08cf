from __future__ import annotations

from daemon.messages import Stage
from daemon.worker.loop_progress import AGAIN_SECONDS, LoopProgress
from tests.fakes.clock import FakeClock


def test_a_stage_is_said_when_it_changes_and_once_a_second_while_it_lasts() -> None:
    said: list[Stage] = []
    clock = FakeClock()
    progress = LoopProgress(said.append, clock)
    for stage in (Stage.LOADING, Stage.WORKING, Stage.WORKING):
        progress.say(stage)
    clock.advance(AGAIN_SECONDS)
    progress.again()
    assert said == [Stage.LOADING, Stage.WORKING, Stage.WORKING]


def test_answers_by_the_hundred_are_told_once_a_second_with_the_work_between_them() -> None:
    said: list[Stage] = []
    clock = FakeClock()
    progress = LoopProgress(said.append, clock)
    for _ in range(2):
        for _ in range(100):
            progress.say(Stage.WORKING)
            progress.say(Stage.ANSWERED)
        clock.advance(AGAIN_SECONDS)
    assert said == [Stage.WORKING, Stage.ANSWERED, Stage.WORKING, Stage.ANSWERED]
    progress.say(Stage.IDLE)
    assert said[-1] is Stage.IDLE


def test_idleness_is_said_once() -> None:
    said: list[Stage] = []
    clock = FakeClock()
    progress = LoopProgress(said.append, clock)
    for _ in range(3):
        progress.say(Stage.IDLE)
        clock.advance(AGAIN_SECONDS)
    assert said == [Stage.IDLE]


def test_a_daemon_that_is_dead_hears_nothing() -> None:
    def dead(stage: Stage) -> None:
        raise BrokenPipeError

    LoopProgress(dead, FakeClock()).say(Stage.WORKING)
