"""The reference loop gives the engine's answers, and reports the time of each phase."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import SmolVLMForConditionalGeneration

from daemon.inference.batch_engine import BatchEngine
from daemon.inference.engine import Answer, Engine, Figures, Request
from daemon.inference.smolvlm.processor import Processor
from daemon.inference.torch.reference import ReferenceLoop
from tests.contracts.test_engine import QUESTIONS, picture, torch_engine, video
from tests.support.checkpoints import write_tiny_checkpoint

REQUESTS = [picture("a"), video("b", 3), Request(id="text", pictures=(), questions=QUESTIONS), picture("c")]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_checkpoint(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def loop(checkpoint: Path) -> Iterator[ReferenceLoop]:
    loop = ReferenceLoop.from_folder(checkpoint, device="cpu", precision="f32")
    yield loop
    loop.close()


@pytest.fixture
def endless(checkpoint: Path) -> Iterator[BatchEngine[torch.Tensor]]:
    engine = endless_engine(checkpoint)
    yield engine
    engine.close()


def endless_engine(folder: Path, *, stop_at_end: bool = False) -> BatchEngine[torch.Tensor]:
    engine = torch_engine(folder, rows=8, stop_at_end=stop_at_end)
    engine.load()
    return engine


def answers(engine: Engine, request: Request) -> dict[str, Answer]:
    engine.submit(request)
    while not (replies := engine.step()):
        pass
    return replies[0].answers


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: request.id)
def test_the_stock_loop_and_the_engine_write_the_same_answers(
    loop: ReferenceLoop, endless: BatchEngine[torch.Tensor], checkpoint: Path, request_: Request
) -> None:
    reference = loop.reply(request_, Processor.from_folder(checkpoint, detail="fast"))
    assert reference.answers == answers(endless, request_)
    assert [answer.tokens for answer in reference.answers.values()] == [question.tokens for question in QUESTIONS]


def silent(loop: ReferenceLoop, checkpoint: Path, folder: Path, request: Request) -> Path:
    """The same model, but for the token that it answers this request with first: that is the end token now."""
    processor = Processor.from_folder(checkpoint, detail="fast")
    prepared = processor.prepare(request.pictures, request.questions[0].ask)
    (first,) = loop.model.generate(
        input_ids=torch.tensor([prepared.prompt_ids]),
        pixel_values=torch.from_numpy(prepared.pixels).unsqueeze(0),
        do_sample=False,
        max_new_tokens=1,
    )[0, len(prepared.prompt_ids) :].tolist()
    shutil.copytree(checkpoint, folder)
    model: Any = SmolVLMForConditionalGeneration.from_pretrained(checkpoint)
    with torch.no_grad():
        model.lm_head.weight[[first, processor.end_id]] = model.lm_head.weight[[processor.end_id, first]]
    model.save_pretrained(folder)
    return folder


@pytest.mark.parametrize(("stop_at_end", "tokens"), [(True, 0), (False, QUESTIONS[0].tokens)])
def test_only_an_engine_that_stops_at_the_end_token_stops_at_it(
    loop: ReferenceLoop, checkpoint: Path, tmp_path: Path, stop_at_end: bool, tokens: int
) -> None:
    engine = endless_engine(silent(loop, checkpoint, tmp_path / "silent", REQUESTS[0]), stop_at_end=stop_at_end)
    answer = answers(engine, REQUESTS[0])[QUESTIONS[0].name]
    engine.close()
    assert (answer.tokens, answer.complete) == (tokens, stop_at_end)


def test_every_phase_takes_its_part_of_the_time(loop: ReferenceLoop, checkpoint: Path) -> None:
    figures = loop.reply(REQUESTS[1], Processor.from_folder(checkpoint, detail="fast")).figures
    assert isinstance(figures, Figures)
    assert list(figures.seconds) == ["preprocess", "vision", "prefill", "generate"]
    assert all(seconds > 0 for seconds in figures.seconds.values())
