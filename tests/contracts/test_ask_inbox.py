"""The contract of the questions in the command inbox on every database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from storage.commands.ask_inbox import MAX_ATTEMPTS, AskInbox, AskState, WaitingAsks
from storage.commands.command_inbox import CommandInbox
from storage.commands.requests import Answer, Command, CommandKind
from storage.errors import CommandFailedError
from tests.fakes.clock import FakeClock
from tests.support.stores import Made

RUN, NEXT_RUN = "run 1", "run 2"
FAILURE = Answer(error="The model failed twice.")


@pytest.fixture
def commands(made: Made, clock: FakeClock) -> CommandInbox:
    return CommandInbox(made.database, clock.now)


@pytest.fixture
def asks(made: Made, clock: FakeClock) -> AskInbox:
    return AskInbox(made.database, clock.now)


def send(commands: CommandInbox, arguments: Mapping[str, Any] = {}, run: str = RUN) -> Command:
    return commands.send(run, CommandKind.ASK, arguments)


def test_questions_are_taken_once_by_the_worker_of_their_run_oldest_first(
    commands: CommandInbox, asks: AskInbox
) -> None:
    sent = [send(commands, {"question": f"Question {number}"}) for number in range(3)]
    send(commands, run=NEXT_RUN)
    commands.send(RUN, CommandKind.PAUSE)
    assert asks.waiting(RUN) == WaitingAsks(new=3)
    assert asks.take_new(RUN, most=2) == sent[:2]
    assert asks.take_new(RUN, most=2) == sent[2:]
    assert asks.take_new(RUN, most=2) == asks.take_tried(RUN) == []
    assert not asks.waiting(RUN)


def test_the_daemon_leaves_questions_to_the_worker(commands: CommandInbox) -> None:
    send(commands)
    pause = commands.send(RUN, CommandKind.PAUSE)
    assert commands.take(RUN) == [pause]


def test_only_the_sender_sees_the_answer_as_it_grows(commands: CommandInbox, asks: AskInbox) -> None:
    ask, other = send(commands), send(commands)
    assert asks.read(ask) == AskState(answer=None, partial="", is_taken=False)
    asks.take_new(RUN, most=1)
    assert asks.store_partials({ask.id: "A red"}) == {ask.id}
    assert asks.read(ask) == AskState(answer=None, partial="A red", is_taken=True)
    assert asks.read(other).partial == ""
    with pytest.raises(CommandFailedError):
        asks.read(replace(ask, sender=other.sender))
    asks.answer(ask.id, Answer(result={"answers": []}))
    assert asks.read(ask).answer == Answer(result={"answers": []})


def test_a_question_that_was_withdrawn_is_found_closed_and_is_not_taken(commands: CommandInbox, asks: AskInbox) -> None:
    taken, waiting = send(commands), send(commands)
    asks.take_new(RUN, most=1)
    for ask in (taken, waiting):
        assert asks.answer(ask.id, Answer(error="Withdrawn."))
    assert asks.store_partials({taken.id: "A red"}) == set()
    assert asks.take_new(RUN, most=2) == []
    assert not asks.answer(taken.id, Answer(result={}))


def test_what_was_put_back_is_new_again(commands: CommandInbox, asks: AskInbox) -> None:
    ask = send(commands)
    for _ in range(2 * MAX_ATTEMPTS):
        asks.take_new(RUN, most=1)
        asks.put_back([ask.id])
    assert asks.waiting(RUN) == WaitingAsks(new=1)


def test_a_question_on_which_the_worker_ends_is_tried_again_and_then_answered_with_the_failure(
    commands: CommandInbox, asks: AskInbox
) -> None:
    ask, answered, waiting, of_another_run = (
        send(commands),
        send(commands),
        send(commands),
        send(commands, run=NEXT_RUN),
    )
    asks.take_new(RUN, most=2)
    asks.take_new(NEXT_RUN, most=1)
    asks.store_partials({ask.id: "A red"})
    asks.answer(answered.id, Answer(result={}))
    asks.retry_all(RUN, FAILURE)
    assert asks.read(ask) == AskState(answer=None, partial="", is_taken=False)
    assert asks.waiting(RUN) == WaitingAsks(new=1, tried=1)
    assert asks.take_tried(RUN) == [ask]
    asks.retry([ask.id], FAILURE)
    assert asks.read(ask).answer == FAILURE
    assert asks.read(answered).answer == Answer(result={})
    assert asks.take_new(RUN, most=9) == [waiting]
    assert asks.read(of_another_run).is_taken


def test_a_run_that_ends_answers_its_open_questions(commands: CommandInbox, asks: AskInbox) -> None:
    taken, waiting = send(commands), send(commands)
    asks.take_new(RUN, most=1)
    assert commands.abandon(RUN) == 2
    answers = [asks.read(ask).answer for ask in (taken, waiting)]
    assert [answer and answer.is_abandoned for answer in answers] == [True, True]
