"""A question is answered in one process: real decoder, fake engine."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from config.settings import Settings
from daemon.asking.own_process import REQUEST_ID, answer_here
from daemon.asking.question import Ask
from daemon.errors import EngineError, NotAllowedError
from tests.fakes.engines import FailingEngine, SlowEngine


class TalkingEngine(SlowEngine):
    """Has the first words of its answer after the first step."""

    is_closed = False

    def partial(self, request_id: str) -> dict[str, str]:
        assert request_id == REQUEST_ID
        return {"0": "A picture"}

    def close(self) -> None:
        self.is_closed = True


def test_an_answer_is_shown_while_it_grows_and_the_engine_is_closed(settings: Settings, tmp_path: Path) -> None:
    Image.new("RGB", (80, 60)).save(tmp_path / "photo.png")
    engine, shown = TalkingEngine(3), list[str]()
    ask = Ask(question="What is this?", files=(bytes(tmp_path / "photo.png"),))
    result = answer_here(settings, ask, shown.append, lambda _: engine)
    assert [answer["text"] for answer in result["answers"]] == ["A picture of 80x60."]
    assert shown == ["A picture", "A picture"]
    assert engine.is_closed


def test_what_is_no_picture_and_a_model_that_fails_are_errors(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(NotAllowedError, match=r"notes\.txt: It is a text"):
        ask = Ask(question="What is this?", files=(bytes(tmp_path / "notes.txt"),))
        answer_here(settings, ask, lambda _: None, lambda _: SlowEngine(1))
    with pytest.raises(EngineError, match="out of memory"):
        answer_here(settings, Ask(question="What is 2 + 3?"), lambda _: None, lambda _: FailingEngine())
