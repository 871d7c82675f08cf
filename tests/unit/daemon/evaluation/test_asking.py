from __future__ import annotations

import pytest

from daemon.errors import EngineError
from daemon.evaluation.asking import ask_engine
from daemon.evaluation.cases import Ask
from daemon.evaluation.requests import requests_of, warm_up_of
from daemon.inference.echo_engine import EchoEngine
from tests.fakes.engines import FailingEngine

ASK = Ask(detail="fast", sizes=((8, 6), (4, 4)), copies=2, questions=3)
#: "A picture of 8x6." is what an echo engine says.
WORDS = 4


def test_every_picture_is_another_one() -> None:
    requests = requests_of(ASK, tokens=5, most_frames=0)
    assert len({request.id for request in requests}) == 4
    assert len({request.pictures[0].tobytes() for request in requests}) == 4
    assert [request.pictures[0].shape for request in requests] == [(6, 8, 3), (4, 4, 3)] * 2


def test_every_question_of_a_picture_is_another_one_of_the_wanted_length() -> None:
    questions = requests_of(ASK, tokens=5, most_frames=0)[0].questions
    assert len({question.ask for question in questions}) == 3
    assert {question.tokens for question in questions} == {5}


def test_both_sides_see_the_same_pictures() -> None:
    once, twice = (requests_of(ask, tokens=5, most_frames=0) for ask in (Ask(detail="full", sizes=ASK.sizes), ASK))
    assert all((a.pictures[0] == b.pictures[0]).all() for a, b in zip(once, twice[:2], strict=True))


def test_a_video_has_no_more_frames_than_the_model_takes() -> None:
    (video,) = requests_of(Ask(detail="full", sizes=((8, 6),), frames=64), tokens=5, most_frames=16)
    assert (len(video.pictures), len(video.timestamps), video.seconds) == (16, 16, 16.0)


def test_a_side_is_warmed_up_with_a_little_of_the_same() -> None:
    assert warm_up_of(ASK) == Ask(detail="fast", sizes=((8, 6),), questions=3, tokens=2)


def test_a_run_counts_what_was_written_after_the_first_tokens() -> None:
    run = ask_engine(EchoEngine(rows=3), requests_of(ASK, tokens=WORDS, most_frames=0), tiles=7)
    assert (run.files, run.tiles, run.rows) == (4, 7, 3)
    assert run.tokens == 4 * 3 * (WORDS - 1)
    assert run.phases["waiting"] > 0


def test_answers_of_another_length_do_not_count() -> None:
    with pytest.raises(EngineError, match="has 4 tokens and not 5"):
        ask_engine(EchoEngine(), requests_of(ASK, tokens=5, most_frames=0))


def test_what_fails_is_raised() -> None:
    with pytest.raises(EngineError, match="out of memory"):
        ask_engine(FailingEngine(), requests_of(ASK, tokens=WORDS, most_frames=0))
