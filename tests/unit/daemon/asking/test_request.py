"""A question as a request, and its reply as the command's result."""

from __future__ import annotations

import json

import numpy as np
import pytest

from daemon.asking.question import Ask
from daemon.asking.request import request_of, result_of, text_so_far
from daemon.errors import PromptError
from daemon.inference.echo_engine import EchoEngine
from daemon.inference.engine import Answer, Reply
from daemon.media.clip import Clip
from storage.description import Media
from storage.records import MediaKind

INFO = EchoEngine().load()


def clip(kind: MediaKind = MediaKind.IMAGE, frames: int = 1) -> Clip:
    pictures = tuple(np.zeros((4, 6, 3), np.uint8) for _ in range(frames))
    seconds = 2.5 if kind is MediaKind.VIDEO else None
    media = Media(kind=kind, format="png", width=6, height=4, seconds=seconds)
    return Clip(media=media, pictures=pictures, timestamps=tuple(float(number) for number in range(frames)))


def test_pictures_of_several_files_are_in_one_request_that_goes_first() -> None:
    ask = Ask(question="What is different?", detail="fast", system="Be brief.", tokens=9)
    request = request_of("ask.1", ask, [clip(), clip()])
    assert len(request.pictures) == 2
    assert (request.seconds, request.timestamps) == (None, ())
    assert (request.detail, request.system, request.is_urgent) == ("fast", "Be brief.", True)
    (question,) = request.questions
    assert (question.ask, question.tokens) == ("What is different?", 9)
    assert request.sampling == {}


def test_a_video_has_its_times() -> None:
    request = request_of("ask.1", Ask(question="What happens first?"), [clip(MediaKind.VIDEO, 3)])
    assert (request.seconds, request.timestamps, len(request.pictures)) == (2.5, (0.0, 1.0, 2.0), 3)


def test_without_a_temperature_nothing_is_sampled() -> None:
    assert request_of("ask.1", Ask(question="?", seed=7, top_p=0.5), []).sampling == {}


def test_a_result_holds_the_cleaned_answers_with_their_faults() -> None:
    answers = {"0": Answer(text="Four.<end_of_utterance>", tokens=2, complete=True)}
    answers["1"] = Answer(text="It is the", tokens=3, complete=False)
    result = result_of(Ask(question="What is 2 + 2?", repeat=2), Reply(id="ask.1", answers=answers), INFO)
    assert json.loads(json.dumps(result)) == result
    assert result["answers"] == [
        {"text": "Four.", "tokens": 2, "complete": True, "faults": []},
        {"text": "It is the", "tokens": 3, "complete": False, "faults": ["cut-off"]},
    ]
    assert (result["model"], result["detail"]) == ("echo", "balanced")


def test_a_reply_s_error_is_raised() -> None:
    with pytest.raises(PromptError, match="too long"):
        result_of(Ask(question="?"), Reply(id="ask.1", error=PromptError("The prompt is too long.")), INFO)


def test_only_a_single_answer_is_shown_while_it_grows() -> None:
    assert text_so_far(Ask(question="?"), {"0": "A red <end_of_utterance>"}) == "A red"
    assert text_so_far(Ask(question="?"), {}) == ""
    assert text_so_far(Ask(question="?", repeat=2), {"0": "A red"}) == ""
