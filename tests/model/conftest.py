"""The demo model behind the real file path: decoder process, processor, engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

import pytest

from config.recipes import Question
from config.settings import ModelSettings, Settings
from daemon.inference.engine import Engine, EngineInfo, Reply, Request
from daemon.inference.registry import make_engine
from daemon.media.clip import DecodePlan
from daemon.media.decoder.decoder import Decoder
from storage.evaluation.evaluation_records import CaseResult
from storage.records import Fingerprint
from tests.support.demo_world.gallery import Exhibit
from tests.support.describing import Describer, describer_of
from tests.support.evaluating import evaluate

Ask = Callable[[list[Exhibit], tuple[Question, ...]], list[dict[str, str]]]


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engine, EngineInfo]]:
    settings = Settings(home=tmp_path_factory.mktemp("home"), model=ModelSettings(id="demo", rows=16))
    engine = make_engine(settings)
    info = engine.load()
    yield engine, info
    engine.close()


@pytest.fixture
def describer(demo: tuple[Engine, EngineInfo]) -> Iterator[Describer]:
    with describer_of(*demo) as describer:
        yield describer


def request_for(exhibit: Exhibit, decoder: Decoder, info: EngineInfo, questions: tuple[Question, ...]) -> Request:
    plan = DecodePlan(
        image_edge=info.image_edges[info.detail],
        frame_edge=info.frame_edge,
        frames_per_second=info.frames_per_second,
        max_frames=info.max_frames,
        max_bytes=10**9,
        seconds=30,
    )
    path = str(exhibit.file).encode()
    clip = decoder.open(path, Fingerprint.of(exhibit.file.stat()), plan)
    return Request(
        id=str(exhibit.file),
        pictures=clip.pictures,
        questions=questions,
        timestamps=clip.timestamps if clip.is_video else (),
        seconds=clip.media.seconds if clip.is_video else None,
    )


@pytest.fixture
def ask(demo: tuple[Engine, EngineInfo]) -> Iterator[Ask]:
    with asking(*demo) as ask:
        yield ask


@contextmanager
def asking(engine: Engine, info: EngineInfo) -> Iterator[Ask]:
    """Gives answers by question name for each exhibit, in order."""
    decoder = Decoder()

    def answer(exhibits: list[Exhibit], questions: tuple[Question, ...]) -> list[dict[str, str]]:
        answers: dict[str, dict[str, str]] = {}

        def collect(replies: list[Reply]) -> None:
            for reply in replies:
                assert reply.error is None, reply.error
                answers[reply.id] = {name: found.text for name, found in reply.answers.items()}

        waiting = 0
        for exhibit in exhibits:
            engine.submit(request_for(exhibit, decoder, info, questions))
            waiting += 1
            if waiting == info.rows:
                collect(engine.step())
                waiting = 0
        while len(answers) < len(exhibits):
            collect(engine.step())
        return [answers[str(exhibit.file)] for exhibit in exhibits]

    yield answer
    decoder.close()


Evaluated = Callable[..., list[CaseResult]]


@pytest.fixture(scope="session")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Evaluated:
    """The demo model's results of a shipped suite; each suite is asked once."""
    home = tmp_path_factory.mktemp("evaluated")

    @cache
    def results(name: str) -> list[CaseResult]:
        return evaluate(home, name)[1]

    return results
