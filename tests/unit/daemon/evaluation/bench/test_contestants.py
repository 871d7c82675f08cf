from __future__ import annotations

from pathlib import Path

import pytest

from config.settings import ModelSettings, Settings
from daemon.errors import EngineError
from daemon.evaluation.bench.cases import Ask
from daemon.evaluation.bench.contestants import EngineContestant, ReferenceContestant, ask_engine
from daemon.evaluation.bench.loaded_models import LoadedModels
from daemon.evaluation.bench.workload import requests_of, warm_up_of
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


def test_every_turn_has_pictures_of_its_own() -> None:
    first, second = (requests_of(ASK, tokens=5, most_frames=0, turn=turn)[0].pictures[0] for turn in (1, 2))
    assert (first != second).any()


def test_a_side_draws_anew_for_every_turn_what_the_other_side_draws_too(tmp_path: Path) -> None:
    models = LoadedModels(Settings(home=tmp_path, model=ModelSettings(id="demo")))
    seen = []
    for side in (ReferenceContestant(models, ASK, tokens=2), EngineContestant(models, ASK, tokens=2)):
        for _ in range(2):
            side.draw()
            seen.append(side.requests[0].pictures[0].tobytes())
    assert seen[0] != seen[1]
    assert seen[:2] == seen[2:]


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
