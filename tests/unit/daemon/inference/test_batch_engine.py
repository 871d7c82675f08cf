"""The torch engine's own rules: what it does when a batch fails, what it refuses, and what it tells of itself."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from config.errors import ModelUnavailableError
from config.recipes import Question
from daemon.errors import EngineError
from daemon.inference.batch.runner_protocol import RunnerError, RunnerMemoryError
from daemon.inference.batch_engine import TorchEngine
from daemon.inference.engine import Reply
from daemon.inference.sampling_params import SamplingParams
from daemon.inference.torch.devices import has_bf16, has_int8, pick_device, pick_dtype
from daemon.inference.torch.model_runner import TorchRunner
from tests.contracts.test_engine import drained, picture, replies, torch_engine, video
from tests.support.checkpoints import LOOPING, write_tiny_checkpoint

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


class Failing(TorchRunner):
    """Shares a model. More than `rows` rows of answers are too much for its memory; it breaks at the `break_at`th call.

    `calls` counts the rows of every write.
    """

    def __init__(self, runner: TorchRunner, *, rows: int = 1000, break_at: int = 0) -> None:
        vars(self).update(vars(runner))
        self.rows, self.break_at = rows, break_at
        self.calls: list[int] = []

    def write(self, rows: Sequence[int], tokens: Sequence[int]) -> Sequence[int]:
        self.calls.append(len(rows))
        if len(rows) > self.rows:
            raise RunnerMemoryError("out of memory")
        if len(self.calls) == self.break_at:
            raise RunnerError("device lost")
        return super().write(rows, tokens)


def test_it_tells_on_how_many_threads_it_computes(checkpoint: Path) -> None:
    engine = torch_engine(checkpoint)
    assert engine.load().notes == ("Threads: 1.",)
    engine.close()
    by_itself = TorchEngine(checkpoint, model_id="tiny", revision="1", device="cpu", precision="f32")
    assert by_itself.load().notes == ("Threads: 1; as OMP_NUM_THREADS says.",)
    by_itself.close()


def answers(found: list[Reply]) -> dict[str, object]:
    return {reply.id: reply.answers for reply in found}


def failing(engine: TorchEngine, *, rows: int = 1000, break_at: int = 0) -> Failing:
    assert engine.runner is not None
    runner = Failing(engine.runner, rows=rows, break_at=break_at)
    engine.run_on(runner)
    return runner


def test_rows_that_do_not_fit_are_written_later(engine: TorchEngine) -> None:
    expected = answers(replies(engine, REQUESTS))
    runner = failing(engine, rows=2)
    assert answers(replies(engine, REQUESTS)) == expected
    assert max(runner.calls) > 2


def test_a_batch_that_breaks_half_way_starts_again_without_what_it_said(engine: TorchEngine) -> None:
    expected = answers(replies(engine, REQUESTS))
    runner = failing(engine, break_at=7)
    assert answers(replies(engine, REQUESTS)) == expected
    assert len(runner.calls) > 7


def test_a_row_that_fails_alone_is_its_request_s_error_and_the_engine_lives(engine: TorchEngine) -> None:
    runner = failing(engine, rows=0)
    found = replies(engine, REQUESTS)
    assert [str(reply.error) for reply in found] == ["The model failed: out of memory"] * 3
    runner.rows = 6
    assert all(reply.error is None for reply in replies(engine, REQUESTS))


def test_a_request_that_is_cancelled_after_a_failure_is_not_tried_again(engine: TorchEngine) -> None:
    failing(engine, rows=1)
    for request in REQUESTS:
        engine.submit(request)
    engine.step()
    engine.cancel("b")
    assert {reply.id for reply in drained(engine)} == {"a", "c"}


def test_a_small_cache_bounds_the_answers_that_are_written_together(checkpoint: Path) -> None:
    small = TorchEngine(
        checkpoint,
        model_id="tiny",
        revision="1",
        device="cpu",
        precision="f32",
        detail="fast",
        rows=6,
        cache_tokens=512,
    )
    small.load()
    found = replies(small, [picture("a"), picture("c"), picture("e")])
    assert [reply.figures.batch_rows for reply in found if reply.figures] == [2, 2, 2]


def test_a_request_that_waits_for_its_pictures_to_be_read_may_be_cancelled(engine: TorchEngine) -> None:
    for frames in range(8, 12):
        engine.submit(video(f"v{frames}", frames))
    engine.step()
    engine.cancel("v11")
    assert [reply.id for reply in drained(engine)] == ["v8", "v9", "v10"]


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


def test_made_ready_beside_the_model_requests_get_the_same_answers(engine: TorchEngine) -> None:
    endless = picture("long", questions=(Question(name="caption", ask="word " * 1200, tokens=5),))
    requests = [*REQUESTS, endless, video("d", 9)]
    expected = {reply.id: (reply.answers, str(reply.error)) for reply in replies(engine, requests)}
    engine._preprocessing.is_beside = True
    for _ in range(5):
        assert {reply.id: (reply.answers, str(reply.error)) for reply in replies(engine, requests)} == expected


def test_only_the_first_batch_is_cold_and_every_phase_is_timed(engine: TorchEngine) -> None:
    first, second = (replies(engine, [picture(id)])[0].figures for id in ("a", "b"))
    assert first is not None
    assert second is not None
    assert (first.cold_start, second.cold_start) == (True, False)
    assert set(first.seconds) == {"preprocess", "vision", "prefill", "generate"}
    assert all(seconds > 0 for seconds in first.seconds.values())
    assert first.batch_rows == 2


def test_pictures_are_looked_at_once_for_all_their_questions_and_equal_frames_once(engine: TorchEngine) -> None:
    assert engine.runner is not None
    looked: list[int] = []
    see = engine.runner.encode_images
    engine.runner.encode_images = lambda tiles: looked.append(len(tiles)) or see(tiles)  # type: ignore[method-assign,func-returns-value]
    still = video("c", 1).pictures * 6
    for request in (picture("a"), video("b", 5), replace(video("c", 6), pictures=still)):
        replies(engine, [request])
    assert looked == [1, 5, 1]


def test_a_request_with_an_impression_is_answered_without_looking_again(engine: TorchEngine) -> None:
    assert engine.runner is not None
    (first,) = replies(engine, [video("b", 5)])
    engine.runner.encode_images = None  # type: ignore[method-assign,assignment]
    request = video("b", 5)
    again = replace(request, questions=request.questions[:1], impression=first.impression, pictures=())
    (second,) = replies(engine, [again])
    assert second.answers == {"summary": first.answers["summary"]}
    assert second.figures is not None
    assert second.figures.seconds["vision"] == 0


@pytest.mark.parametrize("stop_at_end", [True, False])
def test_an_answer_that_loops_is_stopped_and_says_so_unless_it_is_forced(tmp_path: Path, stop_at_end: bool) -> None:
    engine = TorchEngine(
        write_tiny_checkpoint(tmp_path, spread=LOOPING),
        model_id="tiny",
        revision="1",
        device="cpu",
        precision="f32",
        detail="fast",
        threads=1,
        stop_at_end=stop_at_end,
    )
    engine.load()
    question = Question(name="caption", ask="Describe this image in one sentence.", tokens=120)
    (reply,) = replies(engine, [replace(video("b", 3), questions=(question,))])
    answer = reply.answers["caption"]
    assert (answer.looped, answer.tokens < 120) == (stop_at_end, stop_at_end)
    assert not answer.complete


def test_a_question_s_decoding_is_its_own(engine: TorchEngine) -> None:
    plain, request = replies(engine, [picture("a")])[0].answers, picture("a")
    more = SamplingParams(repetition_penalty=0.1)
    both, one = (
        replies(engine, [replace(request, decoding=decoding)])[0].answers
        for decoding in ({"summary": more, "caption": more}, {"summary": more})
    )
    assert one == {"summary": both["summary"], "caption": plain["caption"]}
    assert both["summary"] != plain["summary"]
    assert both["caption"] != plain["caption"]


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


@pytest.fixture
def gpu_that_cannot_compute(monkeypatch: pytest.MonkeyPatch) -> None:
    """An Apple GPU is said to be there; whatever is given to it raises a RuntimeError, as on this machine it does."""
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.mps, "empty_cache", lambda: None)


def on_device(folder: Path, device: str) -> TorchEngine:
    return TorchEngine(
        folder, model_id="tiny", revision="1", device=device, precision="f32", detail="fast", rows=4, threads=1
    )


@pytest.mark.usefixtures("gpu_that_cannot_compute")
def test_where_nobody_chose_the_device_a_gpu_that_fails_is_passed_over_for_the_cpu(checkpoint: Path) -> None:
    engine = on_device(checkpoint, "auto")
    info = engine.load()
    assert (info.device, info.dtype, info.rows) == ("cpu", "float32", 4)
    assert info.notes[0].startswith("The Apple GPU computes this model wrong.")
    assert info.notes[0].endswith("The CPU is used.")
    assert answers(replies(engine, REQUESTS)).keys() == {request.id for request in REQUESTS}
    engine.close()


@pytest.mark.usefixtures("gpu_that_cannot_compute")
def test_a_device_that_a_person_chose_is_not_replaced(checkpoint: Path) -> None:
    with pytest.raises(EngineError, match="The Apple GPU computes this model wrong") as caught:
        on_device(checkpoint, "mps").load()
    assert caught.value.advice == "Set model.device to cpu."


def test_precision_follows_the_device_unless_chosen() -> None:
    cpu = torch.device("cpu")
    assert pick_dtype("f32", cpu) is torch.float32
    assert pick_dtype("bf16", cpu) is torch.bfloat16
    assert pick_dtype("auto", cpu) is (torch.bfloat16 if has_bf16(cpu) else torch.float32)


@pytest.mark.skipif(not has_int8(torch.device("cpu")), reason="this processor has no VNNI instructions")
def test_in_8_bits_an_answer_is_the_same_alone_and_among_others(checkpoint: Path) -> None:
    alone: dict[str, object] = {}
    for request in REQUESTS:
        single = torch_engine(checkpoint, rows=1, precision="int8")
        assert single.load().dtype == "int8"
        alone |= answers(replies(single, [request]))
        single.close()
    together = torch_engine(checkpoint, rows=6, precision="int8")
    together.load()
    assert answers(replies(together, REQUESTS)) == alone
    together.close()


def test_a_mac_s_cpu_computes_in_float32_because_its_bf16_has_no_matrix_library(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    assert pick_dtype("auto", torch.device("cpu")) is torch.bfloat16
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    assert pick_dtype("auto", torch.device("cpu")) is torch.float32


def test_a_cpu_without_onednn_computes_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert pick_dtype("auto", torch.device("cpu")) is torch.float32


def test_a_reply_says_what_the_keys_and_values_of_all_rows_took(engine: TorchEngine) -> None:
    alone = replies(engine, [picture("a")])[0].figures
    beside = max(reply.figures.cache_bytes for reply in replies(engine, REQUESTS) if reply.figures)
    assert alone is not None
    assert 0 < alone.cache_bytes < beside
    assert engine.runner is not None and engine.runner.cache_bytes == 0
