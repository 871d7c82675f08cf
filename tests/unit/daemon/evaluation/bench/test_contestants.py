from __future__ import annotations

from pathlib import Path

import pytest

from config.settings import ModelSettings, Settings
from daemon.errors import EngineError
from daemon.evaluation.bench.cases import Ask
from daemon.evaluation.bench.contestants import EngineContestant, ReferenceContestant, ask_engine
from daemon.evaluation.bench.loaded_models import LoadedModels
from daemon.evaluation.bench.workload import requests_of, warm_up
from daemon.inference.echo_engine import EchoEngine
from tests.fakes.engines import FailingEngine

ASK = Ask(detail="fast", sizes=((8, 6), (4, 4)), copies=2, questions=3)
#: The echo engine's answer: "A picture of 8x6."
WORDS = 4


def test_every_picture_is_different() -> None:
    requests = requests_of(ASK, tokens=5, most_frames=0)
    assert len({request.id for request in requests}) == 4
    assert len({request.pictures[0].tobytes() for request in requests}) == 4
    assert [request.pictures[0].shape for request in requests] == [(6, 8, 3), (4, 4, 3)] * 2


def test_every_round_has_new_pictures() -> None:
    first, second = (requests_of(ASK, tokens=5, most_frames=0, round_number=turn)[0].pictures[0] for turn in (1, 2))
    assert (first != second).any()


def test_both_contestants_draw_the_same_new_pictures_for_every_round(tmp_path: Path) -> None:
    models = LoadedModels(Settings(home=tmp_path, model=ModelSettings(id="demo")))
    drawn = []
    for contestant in (ReferenceContestant(models, ASK, tokens=2), EngineContestant(models, ASK, tokens=2)):
        for _ in range(2):
            contestant.draw()
            drawn.append(contestant.requests[0].pictures[0].tobytes())
    assert drawn[0] != drawn[1]
    assert drawn[:2] == drawn[2:]


def test_every_question_of_a_picture_is_different_with_the_requested_length() -> None:
    questions = requests_of(ASK, tokens=5, most_frames=0)[0].questions
    assert len({question.ask for question in questions}) == 3
    assert {question.tokens for question in questions} == {5}


def test_both_contestants_get_the_same_pictures() -> None:
    once, twice = (requests_of(ask, tokens=5, most_frames=0) for ask in (Ask(detail="full", sizes=ASK.sizes), ASK))
    assert all((a.pictures[0] == b.pictures[0]).all() for a, b in zip(once, twice[:2], strict=True))


def test_a_video_has_no_more_frames_than_the_model_takes() -> None:
    (video,) = requests_of(Ask(detail="full", sizes=((8, 6),), frames=64), tokens=5, most_frames=16)
    assert (len(video.pictures), len(video.timestamps), video.seconds) == (16, 16, 16.0)


def test_a_contestant_is_warmed_up_with_a_small_part_of_the_work() -> None:
    assert warm_up(ASK) == Ask(detail="fast", sizes=((8, 6),), questions=3, tokens=2)


def test_a_run_counts_the_tokens_after_the_first_ones() -> None:
    run = ask_engine(EchoEngine(rows=3), requests_of(ASK, tokens=WORDS, most_frames=0), tiles=7)
    assert (run.files, run.tiles, run.rows) == (4, 7, 3)
    assert run.tokens == 4 * 3 * (WORDS - 1)
    assert run.phases["waiting"] > 0


def test_an_answer_of_another_length_is_an_error() -> None:
    with pytest.raises(EngineError, match="has 4 tokens and not 5"):
        ask_engine(EchoEngine(), requests_of(ASK, tokens=5, most_frames=0))


def test_an_engine_s_error_is_raised() -> None:
    with pytest.raises(EngineError, match="out of memory"):
        ask_engine(FailingEngine(), requests_of(ASK, tokens=WORDS, most_frames=0))
