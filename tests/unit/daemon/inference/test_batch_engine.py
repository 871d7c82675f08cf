"""The batch engine's own rules: a batch that fails, requests that are refused, and figures."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from torch import Tensor

from config.groups import DETAILS
from config.recipes import Question
from daemon.errors import EngineError, PromptError
from daemon.inference.batch.runner_protocol import RunnerError, RunnerMemoryError
from daemon.inference.batch_engine import BatchEngine
from daemon.inference.engine import Reply, Request
from daemon.inference.sampling_params import SamplingParams
from daemon.inference.torch.model_runner import TorchRunner
from daemon.inference.weights.sources import ModelFolder
from tests.contracts.test_engine import drained, picture, replies, torch_engine, video
from tests.fakes.batch_runner import PixelLoader
from tests.support.checkpoints import LOOPING, write_tiny_checkpoint

REQUESTS = [picture("a"), video("b", 3), picture("c")]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_checkpoint(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def engine(checkpoint: Path) -> Iterator[BatchEngine[Tensor]]:
    engine = torch_engine(checkpoint, rows=6)
    engine.load()
    yield engine
    engine.close()


class Failing(TorchRunner):
    """Shares a model. A decode of more than `rows` slots runs out of memory; the `break_at`th decode fails.

    `calls`: the slots of every decode.
    """

    def __init__(self, runner: TorchRunner, *, rows: int = 1000, break_at: int = 0) -> None:
        vars(self).update(vars(runner))
        self.rows, self.break_at = rows, break_at
        self.calls: list[int] = []

    def decode(self, rows: Sequence[int], tokens: Sequence[int]) -> Sequence[int]:
        self.calls.append(len(rows))
        if len(rows) > self.rows:
            raise RunnerMemoryError("out of memory")
        if len(self.calls) == self.break_at:
            raise RunnerError("device lost")
        return super().decode(rows, tokens)


def answers(found: list[Reply]) -> dict[str, object]:
    return {reply.id: reply.answers for reply in found}


def failing(engine: BatchEngine[Tensor], *, rows: int = 1000, break_at: int = 0) -> Failing:
    assert isinstance(engine.runner, TorchRunner)
    runner = Failing(engine.runner, rows=rows, break_at=break_at)
    engine.run_on(runner)
    return runner


def test_sequences_that_do_not_fit_are_decoded_later(engine: BatchEngine[Tensor]) -> None:
    expected = answers(replies(engine, REQUESTS))
    runner = failing(engine, rows=2)
    assert answers(replies(engine, REQUESTS)) == expected
    assert max(runner.calls) > 2


def test_a_batch_that_fails_half_way_starts_again_without_its_output(engine: BatchEngine[Tensor]) -> None:
    expected = answers(replies(engine, REQUESTS))
    runner = failing(engine, break_at=7)
    assert answers(replies(engine, REQUESTS)) == expected
    assert len(runner.calls) > 7


def test_a_sequence_that_fails_alone_is_its_request_s_error_and_the_engine_goes_on(engine: BatchEngine[Tensor]) -> None:
    runner = failing(engine, rows=0)
    found = replies(engine, REQUESTS)
    assert [str(reply.error) for reply in found] == ["The model failed: out of memory"] * 3
    runner.rows = 6
    assert all(reply.error is None for reply in replies(engine, REQUESTS))


def test_a_request_that_is_cancelled_after_a_failure_is_not_retried(engine: BatchEngine[Tensor]) -> None:
    failing(engine, rows=1)
    for request in REQUESTS:
        engine.submit(request)
    engine.step()
    engine.cancel("b")
    assert {reply.id for reply in drained(engine)} == {"a", "c"}


def test_requests_of_several_details_run_in_one_batch_each_as_if_the_engine_had_its_detail(
    checkpoint: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(checkpoint, tmp_path / "larger"))
    file = folder / "preprocessor_config.json"
    pictures = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(pictures | {"size": {"longest_edge": 256}}), encoding="utf-8")
    requests = [replace(picture(detail), detail=detail) for detail in DETAILS]
    alone = {}
    for detail in DETAILS:
        engine = torch_engine(folder, rows=6, detail=detail)
        engine.load()
        [alone[detail]] = replies(engine, [picture(detail)])
        together = {reply.id: reply for reply in replies(engine, requests)}
        engine.close()
    assert [together[detail].answers for detail in DETAILS] == [alone[detail].answers for detail in DETAILS]
    figures = [together[detail].figures for detail in DETAILS]
    assert {found.batch_rows for found in figures if found} == {6}
    tokens = [found.tokens_in for found in figures if found]
    assert tokens == sorted(set(tokens)), "more tiles, more tokens"


def test_a_small_cache_bounds_the_batch_size(checkpoint: Path) -> None:
    small = torch_engine(checkpoint, rows=6, cache_tokens=512)
    small.load()
    found = replies(small, [picture("a"), picture("c"), picture("e")])
    assert [reply.figures.batch_rows for reply in found if reply.figures] == [2, 2, 2]


def test_a_request_that_waits_for_preprocessing_can_be_cancelled(engine: BatchEngine[Tensor]) -> None:
    for frames in range(8, 12):
        engine.submit(video(f"v{frames}", frames))
    engine.step()
    engine.cancel("v11")
    assert [reply.id for reply in drained(engine)] == ["v8", "v9", "v10"]


def test_a_prompt_longer_than_the_context_is_that_request_s_error(engine: BatchEngine[Tensor]) -> None:
    endless = Question(name="caption", ask="word " * 1200, tokens=5)
    found = {reply.id: reply for reply in replies(engine, [picture("long", questions=(endless,)), picture("a")])}
    error = found["long"].error
    assert isinstance(error, PromptError)
    assert "the model takes 1024" in str(error)
    assert "--detail fast" in error.advice
    assert found["a"].error is None


def test_text_that_is_too_long_is_refused_without_advice_on_pictures(engine: BatchEngine[Tensor]) -> None:
    endless = Question(name="caption", ask="word " * 1200, tokens=5)
    (reply,) = replies(engine, [Request(id="long", pictures=(), questions=(endless,))])
    assert isinstance(reply.error, PromptError)
    assert reply.error.advice == "Shorten the question."


def test_an_answer_ends_where_the_context_does(engine: BatchEngine[Tensor]) -> None:
    question = Question(name="caption", ask="", tokens=2000)
    (reply,) = replies(engine, [picture("a", questions=(question,))])
    assert reply.figures is not None
    answer = reply.answers["caption"]
    assert reply.figures.tokens_in + answer.tokens <= 1024
    assert answer.complete is (reply.figures.tokens_in + answer.tokens < 1024)


def test_a_question_with_more_marks_than_pictures_is_that_request_s_error(engine: BatchEngine[Tensor]) -> None:
    question = Question(name="caption", ask="What is <image> beside <image>?", tokens=5)
    found = {reply.id: reply for reply in replies(engine, [picture("marks", questions=(question,)), picture("a")])}
    assert str(found["marks"].error) == "The question's number of <image> marks is 2, its number of pictures 1."
    assert found["a"].error is None


def test_requests_preprocessed_on_a_thread_get_the_same_answers(engine: BatchEngine[Tensor]) -> None:
    endless = picture("long", questions=(Question(name="caption", ask="word " * 1200, tokens=5),))
    requests = [*REQUESTS, endless, video("d", 9)]
    expected = {reply.id: (reply.answers, str(reply.error)) for reply in replies(engine, requests)}
    engine._preprocessing.in_background = True
    for _ in range(5):
        assert {reply.id: (reply.answers, str(reply.error)) for reply in replies(engine, requests)} == expected


def test_only_the_first_batch_is_cold_and_every_phase_is_timed(engine: BatchEngine[Tensor]) -> None:
    first, second = (replies(engine, [picture(id)])[0].figures for id in ("a", "b"))
    assert first is not None
    assert second is not None
    assert (first.cold_start, second.cold_start) == (True, False)
    assert set(first.seconds) == {"preprocess", "vision", "prefill", "generate"}
    assert all(seconds > 0 for seconds in first.seconds.values())
    assert first.batch_rows == 2


def test_pictures_are_encoded_once_for_all_their_questions_and_equal_frames_once(engine: BatchEngine[Tensor]) -> None:
    assert engine.runner is not None
    encoded: list[int] = []
    encode = engine.runner.encode_images
    engine.runner.encode_images = lambda tiles: encoded.append(len(tiles)) or encode(tiles)  # type: ignore[method-assign,func-returns-value]
    still = video("c", 1).pictures * 6
    for request in (picture("a"), video("b", 5), replace(video("c", 6), pictures=still)):
        replies(engine, [request])
    assert encoded == [1, 5, 1]


def test_a_request_with_image_features_is_answered_without_encoding_again(engine: BatchEngine[Tensor]) -> None:
    assert engine.runner is not None
    (first,) = replies(engine, [video("b", 5)])
    engine.runner.encode_images = None  # type: ignore[method-assign,assignment]
    request = video("b", 5)
    again = replace(request, questions=request.questions[:1], image_features=first.image_features, pictures=())
    (second,) = replies(engine, [again])
    assert second.answers == {"summary": first.answers["summary"]}
    assert second.figures is not None
    assert second.figures.seconds["vision"] == 0


@pytest.mark.parametrize("stop_at_end", [True, False])
def test_a_looping_answer_is_stopped_and_marked_unless_stop_at_end_is_off(tmp_path: Path, stop_at_end: bool) -> None:
    engine = torch_engine(write_tiny_checkpoint(tmp_path, spread=LOOPING), rows=8, stop_at_end=stop_at_end)
    engine.load()
    question = Question(name="caption", ask="Describe this image in one sentence.", tokens=120)
    (reply,) = replies(engine, [replace(video("b", 3), questions=(question,))])
    answer = reply.answers["caption"]
    assert (answer.looped, answer.tokens < 120) == (stop_at_end, stop_at_end)
    assert not answer.complete


def test_each_question_has_its_own_sampling(engine: BatchEngine[Tensor]) -> None:
    plain, request = replies(engine, [picture("a")])[0].answers, picture("a")
    more = SamplingParams(repetition_penalty=0.1)
    both, one = (
        replies(engine, [replace(request, sampling=decoding)])[0].answers
        for decoding in ({"summary": more, "caption": more}, {"summary": more})
    )
    assert one == {"summary": both["summary"], "caption": plain["caption"]}
    assert both["summary"] != plain["summary"]
    assert both["caption"] != plain["caption"]


def test_a_system_prompt_comes_before_every_question(engine: BatchEngine[Tensor]) -> None:
    alone, led = (replies(engine, [replace(picture("a"), system=text)])[0] for text in (None, "What is this?"))
    assert alone.figures is not None
    assert led.figures is not None
    assert led.figures.tokens_in > alone.figures.tokens_in
    assert led.answers != alone.answers


def test_a_step_of_an_engine_that_is_not_loaded_raises(checkpoint: Path) -> None:
    with pytest.raises(EngineError, match="not loaded"):
        torch_engine(checkpoint).step()


def test_a_reply_has_the_size_of_the_whole_kv_cache(engine: BatchEngine[Tensor]) -> None:
    alone = replies(engine, [picture("a")])[0].figures
    batched = max(reply.figures.cache_bytes for reply in replies(engine, REQUESTS) if reply.figures)
    assert alone is not None
    assert 0 < alone.cache_bytes < batched
    assert engine.runner is not None and engine.runner.cache_bytes == 0


def test_another_backend_needs_only_a_loader_and_a_runner(checkpoint: Path) -> None:
    loader = PixelLoader(most=3)
    engine = BatchEngine(ModelFolder(checkpoint, "tiny", "1"), loader, detail="fast", rows=6)
    info = engine.load()
    assert (info.engine, info.device, info.dtype, info.rows) == ("hash", "abacus", "beads", 3)
    assert info.notes == (f"loaded {checkpoint.name}",)
    together = replies(engine, REQUESTS)
    (runner,) = loader.runners
    assert {reply.id: reply.error for reply in together} == dict.fromkeys("abc")
    assert answers(together) == {request.id: answers(replies(engine, [request]))[request.id] for request in REQUESTS}
    assert 1 < max(reply.figures.batch_rows for reply in together if reply.figures) <= 3
    assert {(f.device_memory_bytes, f.cache_bytes) for reply in together if (f := reply.figures)} == {(99, 77)}
    assert set(runner.lifecycle) == {"trim"}
    assert not runner.slots
    engine.rest()
    assert runner.calls[-1] == "empty_cache"
    engine.close()
    assert runner.lifecycle[-1] == "close"
