"""Questions with a bad answer are asked once more, over an engine with scripted replies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from config.recipes import Question
from daemon.errors import EngineError
from daemon.inference.echo_engine import EchoEngine
from daemon.inference.engine import Answer, Figures, Reply, Request
from daemon.inference.reask import ReaskingEngine
from daemon.inference.reask_policy import RETRY_SAMPLING
from daemon.inference.sampling_params import GREEDY

CAPTION = Question(name="caption", ask="Describe this image in one sentence.", tokens=64)
SUMMARY = Question(name="summary", ask="Describe this image in detail.", tokens=192)
REQUEST = Request(id="7", pictures=(np.zeros((4, 6, 3), np.uint8),), questions=(CAPTION, SUMMARY))
GOOD, LOOP = "A dog on a beach.", "a red car and " * 12


def answered(text: str, tokens: int = 10, *, complete: bool = True) -> Answer:
    return Answer(text=text, tokens=tokens, complete=complete)


def reply(seconds: dict[str, float] | None = None, *, cold: bool = False, rows: int = 2, **answers: Answer) -> Reply:
    figures = Figures(
        seconds=seconds or {"generate": 1.0},
        tokens_in=100 * len(answers),
        tokens_out=sum(answer.tokens for answer in answers.values()),
        batch_rows=rows,
        device_memory_bytes=1000 * rows,
        cold_start=cold,
    )
    return Reply(id="7", answers=answers, figures=figures, image_features=f"features for {', '.join(answers)}")


class Scripted(EchoEngine):
    """Gives the next of its replies for every request. `submitted`: all requests so far."""

    def __init__(self, *replies: Reply) -> None:
        super().__init__()
        self.replies = list(replies)
        self.submitted: list[Request] = []

    def submit(self, request: Request) -> None:
        super().submit(request)
        self.submitted.append(request)

    def step(self) -> list[Reply]:
        return [self.replies.pop(0) for _ in super().step()]


def run(*replies: Reply) -> tuple[Reply, list[Request]]:
    """The final reply, and all requests that the inner engine got."""
    inner = Scripted(*replies)
    engine = ReaskingEngine(inner)
    engine.submit(REQUEST)
    found = [reply for _ in range(5) for reply in engine.step()]
    assert len(found) == 1
    return found[0], inner.submitted


def test_a_good_reply_is_returned_unchanged() -> None:
    good = reply(caption=answered(GOOD), summary=answered("A dog. It runs."))
    found, submitted = run(good)
    assert found is good
    assert submitted == [REQUEST]


def test_only_the_bad_answer_s_question_is_asked_again_with_the_same_image_features() -> None:
    first = reply(caption=answered(LOOP), summary=answered("A dog. It runs."))
    found, submitted = run(first, reply(caption=answered(GOOD)))
    again = submitted[1]
    assert again.questions == (CAPTION,)
    assert again.sampling == {"caption": RETRY_SAMPLING}
    assert again.image_features == first.image_features
    assert (again.id, again.pictures) == (REQUEST.id, REQUEST.pictures)
    assert {name: answer.text for name, answer in found.answers.items()} == {
        "caption": GOOD,
        "summary": "A dog. It runs.",
    }
    assert list(found.answers) == ["caption", "summary"], "in the order of the questions"


def test_every_question_is_retried_in_its_own_way() -> None:
    _, submitted = run(
        reply(caption=answered(LOOP), summary=answered("A dog on a", complete=False)),
        reply(caption=answered(GOOD), summary=answered("A dog on a beach, running.")),
    )
    assert submitted[1].questions == (CAPTION, replace(SUMMARY, tokens=384))
    assert submitted[1].sampling == {"caption": RETRY_SAMPLING, "summary": GREEDY}


def test_no_question_is_asked_three_times() -> None:
    found, submitted = run(reply(caption=answered(LOOP), summary=answered(GOOD)), reply(caption=answered("")))
    assert len(submitted) == 2
    assert found.answers["caption"].text == LOOP, "the less severe of the two"


def test_the_figures_of_both_replies_are_added() -> None:
    found, _ = run(
        reply({"vision": 2.0, "generate": 1.0}, caption=answered(LOOP, 64), summary=answered(GOOD, 8), cold=True),
        reply({"vision": 0.0, "prefill": 0.5, "generate": 3.0}, rows=5, caption=answered(GOOD, 9)),
    )
    assert found.figures == Figures(
        seconds={"vision": 2.0, "generate": 4.0, "prefill": 0.5},
        tokens_in=300,
        tokens_out=64 + 8 + 9,
        batch_rows=5,
        device_memory_bytes=5000,
        cold_start=True,
    )


def test_an_error_in_the_second_reply_keeps_the_first() -> None:
    first = reply(caption=answered(LOOP), summary=answered(GOOD))
    found, _ = run(first, Reply(id="7", error=EngineError("out of memory")))
    assert found is first


def test_an_error_is_not_asked_again() -> None:
    found, submitted = run(Reply(id="7", error=EngineError("out of memory")))
    assert str(found.error) == "out of memory"
    assert len(submitted) == 1


@pytest.mark.parametrize("steps", [0, 1])
def test_a_request_may_be_cancelled_while_it_is_asked_again_and_come_back_as_new(steps: int) -> None:
    inner = Scripted(
        *[reply(caption=answered(LOOP), summary=answered(GOOD))] * (steps + 1), reply(caption=answered(GOOD))
    )
    engine = ReaskingEngine(inner)
    engine.submit(REQUEST)
    for _ in range(steps):
        assert engine.step() == []
    engine.cancel("7")
    assert engine.step() == []
    engine.submit(REQUEST)
    assert engine.step() == []
    assert [found.answers["caption"].text for found in engine.step()] == [GOOD]
