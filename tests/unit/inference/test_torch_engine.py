"""The torch engine's own rules: what it does when a batch fails, and that it writes what transformers would."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import SmolVLMForConditionalGeneration

from config.errors import ModelUnavailableError
from config.recipes import Question
from daemon.errors import EngineError
from daemon.inference.devices import has_bf16, pick_device, pick_dtype
from daemon.inference.engine import Reply
from daemon.inference.processor import Processor
from daemon.inference.torch_engine import TorchEngine
from daemon.inference.torch_runner import Batch, Prompt, TorchRunner
from tests.contracts.test_engine import QUESTIONS, drained, picture, replies, torch_engine, video
from tests.fakes.checkpoints import write_tiny_checkpoint

REQUESTS = [picture("a"), video("b", 3), picture("c")]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_checkpoint(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def engine(checkpoint: Path) -> Iterator[TorchEngine]:
    engine = torch_engine(checkpoint, rows=6)
    engine.load()
    yield engine
    engine.close()


class Fragile(TorchRunner):
    """Runs out of memory where more than `rows` prompts are read at once."""

    def __init__(self, runner: TorchRunner, rows: int) -> None:
        super().__init__(runner.model, runner.device, runner.dtype)
        self.rows = rows
        self.begun: list[int] = []

    def begin(self, prompts: Sequence[Prompt]) -> Batch:
        self.begun.append(len(prompts))
        if len(prompts) > self.rows:
            raise torch.OutOfMemoryError("out of memory")
        return super().begin(prompts)


class Faltering(TorchRunner):
    """Loses a batch of several rows in the middle of writing."""

    def __init__(self, runner: TorchRunner) -> None:
        super().__init__(runner.model, runner.device, runner.dtype)
        self.written = 0

    def begin(self, prompts: Sequence[Prompt]) -> Batch:
        batch = super().begin(prompts)
        if len(prompts) > 1:
            batch.advance = partial(self.falter, batch.advance)  # type: ignore[method-assign]
        return batch

    def falter(self, advance: Callable[[], None]) -> None:
        self.written += 1
        if self.written == 11:
            raise RuntimeError("device lost")
        advance()


def answers(found: list[Reply]) -> dict[str, object]:
    return {reply.id: reply.answers for reply in found}


def fragile(engine: TorchEngine, rows: int) -> Fragile:
    assert engine.runner is not None
    engine.runner = Fragile(engine.runner, rows)
    return engine.runner


def test_a_batch_that_is_too_large_is_written_row_by_row(engine: TorchEngine) -> None:
    expected = answers(replies(engine, REQUESTS))
    runner = fragile(engine, rows=1)
    found = replies(engine, REQUESTS)
    assert answers(found) == expected
    assert runner.begun == [6, 1, 1, 1, 1, 1, 1]


def test_a_batch_that_fails_half_way_starts_again_without_what_it_said(engine: TorchEngine) -> None:
    expected = answers(replies(engine, REQUESTS))
    assert engine.runner is not None
    engine.runner = Faltering(engine.runner)
    assert answers(replies(engine, REQUESTS)) == expected
    assert engine.runner.written == 11


def test_a_row_that_fails_alone_is_its_request_s_error_and_the_engine_lives(engine: TorchEngine) -> None:
    runner = fragile(engine, rows=0)
    found = replies(engine, REQUESTS)
    assert [str(reply.error) for reply in found] == ["The model failed: out of memory"] * 3
    runner.rows = 6
    assert all(reply.error is None for reply in replies(engine, REQUESTS))


def test_a_cancelled_row_of_a_failed_batch_is_not_tried_again(engine: TorchEngine) -> None:
    runner = fragile(engine, rows=1)
    for request in REQUESTS:
        engine.submit(request)
    engine.step()
    engine.cancel("b")
    assert {reply.id for reply in drained(engine)} == {"a", "c"}
    assert runner.begun == [6, 1, 1, 1, 1]


def test_a_prompt_longer_than_the_context_is_that_request_s_error(engine: TorchEngine) -> None:
    endless = Question(name="caption", ask="word " * 1200, tokens=5)
    found = {reply.id: reply for reply in replies(engine, [picture("long", questions=(endless,)), picture("a")])}
    assert "the model reads 1024" in str(found["long"].error)
    assert found["a"].error is None


def test_an_answer_ends_where_the_context_does(engine: TorchEngine) -> None:
    question = Question(name="caption", ask="", tokens=2000)
    (reply,) = replies(engine, [picture("a", questions=(question,))])
    assert reply.figures is not None
    answer = reply.answers["caption"]
    assert reply.figures.tokens_in + answer.tokens <= 1024
    assert answer.complete is (reply.figures.tokens_in + answer.tokens < 1024)


def test_a_question_that_holds_the_model_s_sign_for_a_picture_is_refused(engine: TorchEngine) -> None:
    question = Question(name="caption", ask="What is <image>?", tokens=5)
    (reply,) = replies(engine, [picture("a", questions=(question,))])
    assert str(reply.error) == "The prompt has 5 places for pictures, and the pictures fill 4."


def test_only_the_first_batch_is_cold_and_every_phase_is_timed(engine: TorchEngine) -> None:
    first, second = (replies(engine, [picture(id)])[0].figures for id in ("a", "b"))
    assert first is not None
    assert second is not None
    assert (first.cold_start, second.cold_start) == (True, False)
    assert set(first.seconds) == {"preprocess", "vision", "prefill", "generate"}
    assert all(seconds > 0 for seconds in first.seconds.values())
    assert first.batch_rows == 2


def test_pictures_are_looked_at_once_for_all_their_questions(engine: TorchEngine) -> None:
    assert engine.runner is not None
    looked: list[int] = []
    see = engine.runner.see
    engine.runner.see = lambda pixels: looked.append(len(pixels)) or see(pixels)  # type: ignore[method-assign,func-returns-value]
    replies(engine, [picture("a"), video("b", 5)])
    assert looked == [1, 5]


def test_it_writes_exactly_what_transformers_generates(checkpoint: Path, engine: TorchEngine) -> None:
    """Token by token, each prompt alone in transformers, all of them in one batch here."""
    processor = Processor.from_folder(checkpoint, detail="fast")
    model = SmolVLMForConditionalGeneration.from_pretrained(checkpoint, dtype=torch.float32).eval()
    assert engine.runner is not None
    expected, prompts = [], []
    for request in [picture("a"), video("b", 7), picture("c", size=(20, 90)), video("d", 2)]:
        for question in QUESTIONS:
            prepared = processor.prepare(
                request.pictures, question.ask, timestamps=request.timestamps, seconds=request.seconds
            )
            written = model.generate(
                input_ids=torch.tensor([prepared.ids]),
                attention_mask=torch.ones(1, len(prepared.ids), dtype=torch.long),
                pixel_values=torch.from_numpy(prepared.pixels).unsqueeze(0),
                do_sample=False,
                max_new_tokens=24,
            )
            expected.append(written[0, len(prepared.ids) :].tolist())
            prompts.append(Prompt(prepared.ids, engine.runner.see(prepared.pixels)))
    batch = engine.runner.begin(prompts)
    rows = [[token] for token in batch.tokens]
    for _ in range(23):
        batch.advance()
        for row, token in zip(rows, batch.tokens, strict=True):
            row.append(token)
    assert [row[: len(tokens)] for row, tokens in zip(rows, expected, strict=True)] == expected


def test_more_tiles_than_fit_at_once_give_the_same_features(engine: TorchEngine) -> None:
    assert engine.runner is not None
    pixels = np.random.default_rng(0).standard_normal((19, 3, 64, 64), np.float32)
    together = engine.runner.see(pixels)
    one_by_one = torch.cat([engine.runner.see(tile[None]) for tile in pixels])
    torch.testing.assert_close(together, one_by_one, atol=1e-4, rtol=1e-4)


def test_an_engine_that_is_not_loaded_says_so(checkpoint: Path) -> None:
    with pytest.raises(EngineError, match="not loaded"):
        torch_engine(checkpoint).step()


def test_weights_that_are_not_all_there_are_refused(tmp_path: Path) -> None:
    """transformers would fill the gap with random numbers and describe nonsense."""
    folder = write_tiny_checkpoint(tmp_path)
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    del tensors["lm_head.weight"]
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelUnavailableError, match=r"missing keys: lm_head\.weight"):
        torch_engine(folder).load()


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    folder = write_tiny_checkpoint(tmp_path)
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:5000])
    with pytest.raises(ModelUnavailableError, match="cannot be loaded"):
        torch_engine(folder).load()


def test_another_family_s_checkpoint_is_refused(tmp_path: Path) -> None:
    folder = write_tiny_checkpoint(tmp_path)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "llava"}))
    with pytest.raises(ModelUnavailableError, match=r"config\.json is of a llava model"):
        torch_engine(folder).load()


def test_a_device_that_is_not_there_is_named() -> None:
    absent = "mps" if not torch.backends.mps.is_available() else "cuda"
    with pytest.raises(EngineError, match=f"no {absent} device"):
        pick_device(absent)


def test_precision_follows_the_device_unless_chosen() -> None:
    cpu = torch.device("cpu")
    assert pick_dtype("f32", cpu) is torch.float32
    assert pick_dtype("bf16", cpu) is torch.bfloat16
    assert pick_dtype("auto", cpu) is (torch.bfloat16 if has_bf16(cpu) else torch.float32)
