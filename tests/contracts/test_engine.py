"""The contract of every engine, through `Request` and `Reply` alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from torch import Tensor

from config.groups import Detail
from config.recipes import Question
from daemon.inference.batch_engine import BatchEngine
from daemon.inference.echo_engine import EchoEngine
from daemon.inference.engine import Engine, Reply, Request
from daemon.inference.features.feature_cache import FeatureCache
from daemon.inference.mlx.loader import MlxLoader
from daemon.inference.mlx.model_runner import Features
from daemon.inference.sampling_params import SamplingParams
from daemon.inference.torch.loader import TorchLoader
from daemon.inference.weights.sources import DEMO, ModelFolder
from tests.support.checkpoints import write_tiny_checkpoint

QUESTIONS = (
    Question(name="summary", ask="Describe this image in detail.", tokens=19),
    Question(name="caption", ask="Describe this image in one sentence.", tokens=7),
)
Make = Callable[[], Engine]
TOO_MANY_STEPS = 500


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_checkpoint(tmp_path_factory.mktemp("tiny"), layers=2)


def torch_engine(
    folder: Path,
    *,
    rows: int = 4,
    device: str = "cpu",
    precision: str = "f32",
    cache_tokens: int | None = None,
    features: FeatureCache | None = None,
    stop_at_end: bool = True,
    detail: Detail = "fast",
) -> BatchEngine[Tensor]:
    return BatchEngine(
        ModelFolder(folder, "tiny", "1"),
        TorchLoader(device=device, precision=precision, threads=1),
        detail=detail,
        rows=rows,
        cache_tokens=cache_tokens,
        features=features,
        stop_at_end=stop_at_end,
    )


def mlx_engine(folder: Path, *, rows: int = 4, stop_at_end: bool = True) -> BatchEngine[Features]:
    return BatchEngine(
        ModelFolder(folder, "tiny", "1"),
        MlxLoader(device="cpu", precision="f32"),
        detail="fast",
        rows=rows,
        stop_at_end=stop_at_end,
    )


def mlx_demo_engine(_: Path, *, rows: int = 4, stop_at_end: bool = True) -> BatchEngine[Features]:
    return mlx_engine(DEMO, rows=rows, stop_at_end=stop_at_end)


MAKERS: dict[str, Callable[[Path], Engine]] = {
    "echo": lambda _: EchoEngine(),
    "torch": torch_engine,
    "mlx": mlx_engine,
    "mlx, demo": mlx_demo_engine,
}
SLOW = [pytest.mark.slow, pytest.mark.timeout(600)]
#: MLX's CPU back end takes half a minute for these; its runner's own tests compare the same batches faster.
BACKENDS = [torch_engine, pytest.param(mlx_engine, marks=SLOW), pytest.param(mlx_demo_engine, marks=SLOW)]


@pytest.fixture(params=["echo", "torch", "mlx", pytest.param("mlx, demo", marks=SLOW)])
def make(request: pytest.FixtureRequest, checkpoint: Path) -> Make:
    return lambda: MAKERS[request.param](checkpoint)


@pytest.fixture
def engine(make: Make) -> Iterator[Engine]:
    engine = make()
    engine.load()
    yield engine
    engine.close()


def picture(id: str, *, size: tuple[int, int] = (90, 60), questions: tuple[Question, ...] = QUESTIONS) -> Request:
    """Another picture for every id."""
    noise = np.random.default_rng(sum(id.encode())).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    return Request(id=id, pictures=(noise,), questions=questions)


def video(id: str, frames: int) -> Request:
    noise = np.random.default_rng(sum(id.encode())).integers(0, 255, (frames, 50, 80, 3), dtype=np.uint8)
    times = tuple(float(second) for second in range(frames))
    return Request(id=id, pictures=tuple(noise), questions=QUESTIONS, timestamps=times, seconds=frames)


def replies(engine: Engine, requests: list[Request]) -> list[Reply]:
    """All replies to these requests."""
    for request in requests:
        engine.submit(request)
    return drained(engine)


def drained(engine: Engine) -> list[Reply]:
    found: list[Reply] = []
    for _ in range(TOO_MANY_STEPS):
        found += engine.step()
    return found


MIXED = [picture("a"), video("b", 3), picture("c", size=(30, 200)), video("d", 9), picture("e"), video("f", 1)]
MARKED = Question(name="marked", ask="Describe <image> and <image> in one sentence.", tokens=9)


def several(id: str) -> Request:
    """Two pictures, before the questions and among the text of another."""
    pictures = (*picture(f"{id}1").pictures, *picture(f"{id}2", size=(30, 200)).pictures)
    return Request(id=id, pictures=pictures, questions=(*QUESTIONS, MARKED), system="Look at the colours.")


def text_alone(id: str) -> Request:
    return Request(id=id, pictures=(), questions=QUESTIONS, system=id)


def test_every_request_gets_one_reply_with_every_answer(engine: Engine) -> None:
    found = replies(engine, MIXED)
    assert sorted(reply.id for reply in found) == [request.id for request in MIXED]
    for reply in found:
        assert reply.error is None
        assert list(reply.answers) == ["summary", "caption"], "in the order of the questions"
        assert reply.figures is not None
        assert sum(answer.tokens for answer in reply.answers.values()) == reply.figures.tokens_out > 0


def test_several_pictures_and_text_alone_are_answered_too(engine: Engine) -> None:
    requests = [several("g"), text_alone("h"), picture("a")]
    found = {reply.id: reply for reply in replies(engine, requests)}
    for request in requests:
        reply = found[request.id]
        assert reply.error is None
        assert list(reply.answers) == [question.name for question in request.questions]


def test_a_sampled_answer_depends_on_its_own_request_alone(engine: Engine) -> None:
    """The same alone, beside others, and a second time."""
    sampling = {"summary": SamplingParams(temperature=1.2, top_p=0.9, seed=5)}
    request = replace(picture("a"), sampling=sampling)
    (alone,) = replies(engine, [request])
    others = [video("b", 3), replace(picture("c"), sampling=sampling), several("g"), text_alone("h")]
    for requests in ([request, *others], [*others, request]):
        assert {reply.id: reply.answers for reply in replies(engine, requests)}["a"] == alone.answers


def test_one_question_s_sampling_does_not_change_the_others(engine: Engine) -> None:
    (plain,) = replies(engine, [picture("a")])
    decoding = {"summary": SamplingParams(repetition_penalty=1.3)}
    (reply,) = replies(engine, [replace(picture("a"), sampling=decoding)])
    assert list(reply.answers) == ["summary", "caption"]
    assert reply.answers["caption"] == plain.answers["caption"]


def test_image_features_can_be_passed_back_to_the_engine(engine: Engine) -> None:
    for request in (picture("a"), video("b", 3)):
        (first,) = replies(engine, [request])
        (again,) = replies(engine, [replace(request, image_features=first.image_features)])
        assert again.answers == first.answers


def test_partial_answers_are_the_beginnings_of_the_whole_ones(engine: Engine) -> None:
    for request in MIXED:
        engine.submit(request)
    seen: dict[str, list[dict[str, str]]] = {request.id: [] for request in MIXED}
    found: list[Reply] = []
    while len(found) < len(MIXED):
        found += engine.step()
        for id, texts in seen.items():
            texts.append(engine.partial(id))
    for reply in found:
        for partial in seen[reply.id]:
            for name, text in partial.items():
                assert text
                assert reply.answers[name].text.startswith(text)
        assert engine.partial(reply.id) == {}, "it has its reply"
    assert engine.partial("unknown") == {}


def test_a_step_without_requests_has_no_replies(engine: Engine) -> None:
    assert engine.step() == []


def test_a_request_without_questions_is_answered_too(engine: Engine) -> None:
    (reply,) = replies(engine, [picture("a", questions=())])
    assert reply.id == "a"
    assert reply.answers == {}


def test_a_cancelled_request_gets_no_reply(engine: Engine) -> None:
    for request in MIXED:
        engine.submit(request)
    engine.cancel("b")
    assert sorted(reply.id for reply in drained(engine)) == ["a", "c", "d", "e", "f"]


def test_a_request_can_be_cancelled_while_it_is_decoded(engine: Engine) -> None:
    for request in MIXED:
        engine.submit(request)
    first = {reply.id for reply in engine.step()}
    engine.cancel("a")
    assert {reply.id for reply in drained(engine)} == {"a", "b", "c", "d", "e", "f"} - {"a"} - first


def test_a_cancelled_request_can_be_submitted_again(engine: Engine) -> None:
    engine.submit(picture("a"))
    engine.cancel("a")
    engine.submit(picture("a"))
    assert [reply.id for reply in drained(engine)] == ["a"]


def test_an_unknown_request_can_be_cancelled(engine: Engine) -> None:
    engine.submit(picture("a"))
    engine.cancel("unknown")
    assert [reply.id for reply in drained(engine)] == ["a"]


def test_an_id_in_flight_is_refused(engine: Engine) -> None:
    engine.submit(picture("a"))
    with pytest.raises(ValueError, match="in flight"):
        engine.submit(picture("a"))


def test_a_closed_engine_can_be_loaded_again(engine: Engine) -> None:
    engine.submit(picture("lost"))
    engine.close()
    engine.load()
    assert [reply.id for reply in replies(engine, [picture("a")])] == ["a"]


def test_the_info_has_what_was_loaded_and_its_limits(make: Make) -> None:
    engine = make()
    info = engine.load()
    assert info.rows >= 1
    assert info.image_edges[info.detail] >= 1
    assert info.frame_edge >= 1
    assert info.max_frames >= 1
    assert info.model_id
    assert info.revision
    engine.close()


def test_an_error_is_one_reply_s_own(engine: Engine) -> None:
    """No engine can take a picture without pixels."""
    broken = Request(id="broken", pictures=(np.zeros((0, 0, 3), np.uint8),), questions=QUESTIONS)
    found = {reply.id: reply for reply in replies(engine, [picture("a"), broken, video("b", 2)])}
    assert set(found) == {"a", "broken", "b"}
    assert found["broken"].error is not None
    assert found["broken"].answers == {}
    assert found["a"].error is found["b"].error is None


@pytest.mark.parametrize("new", BACKENDS)
def test_batched_answers_equal_single_ones_token_for_token(new: Callable[..., Engine], checkpoint: Path) -> None:
    """Pictures, videos of different lengths, several pictures and text alone in one batch, in float32."""
    requests = [*MIXED, several("g"), text_alone("h")]
    rows = sum(len(request.questions) for request in requests)
    alone, together = new(checkpoint, rows=1), new(checkpoint, rows=rows)
    alone.load()
    together.load()
    single = {reply.id: reply.answers for request in requests for reply in replies(alone, [request])}
    batched = {reply.id: reply for reply in replies(together, requests)}
    assert {id: reply.answers for id, reply in batched.items()} == single
    assert {reply.figures.batch_rows for reply in batched.values() if reply.figures} == {rows}
    assert len({str(answers) for answers in single.values()}) == len(requests), "or a mix-up would not show"


@pytest.mark.parametrize("new", BACKENDS)
def test_another_seed_gives_another_answer(new: Callable[..., Engine], checkpoint: Path) -> None:
    engine = new(checkpoint)
    engine.load()
    sampled = [replace(picture("a"), sampling={"summary": SamplingParams(temperature=1.0, seed=n)}) for n in range(4)]
    texts = {reply.answers["summary"].text for request in sampled for reply in replies(engine, [request])}
    assert len(texts) == 4


@pytest.mark.parametrize("new", BACKENDS)
def test_a_long_answer_comes_piece_by_piece(new: Callable[..., Engine], checkpoint: Path) -> None:
    engine = new(checkpoint, stop_at_end=False)
    engine.load()
    engine.submit(picture("a", questions=(Question(name="story", ask="What is this?", tokens=60),)))
    texts: list[str] = []
    while not (found := engine.step()):
        texts.append(engine.partial("a").get("story", ""))
    whole = found[0].answers["story"].text
    assert texts == sorted(texts, key=len)
    assert len(set(texts)) > 3
    assert all(whole.startswith(text) for text in texts)


@pytest.mark.parametrize("new", BACKENDS)
def test_answers_do_not_depend_on_the_order_of_requests(new: Callable[..., Engine], checkpoint: Path) -> None:
    engine = new(checkpoint, rows=5)
    engine.load()
    forth = {reply.id: reply.answers for reply in replies(engine, MIXED)}
    back = {reply.id: reply.answers for reply in replies(engine, MIXED[::-1])}
    assert forth == back


def test_the_demo_model_answers_on_mlx_what_it_answers_on_torch() -> None:
    """In float32: pictures, a video, several pictures and text alone."""
    requests = [picture("a"), video("b", 3), several("g"), text_alone("h")]
    found = []
    for engine in (torch_engine(DEMO), mlx_engine(DEMO)):
        engine.load()
        found.append({reply.id: reply.answers for reply in replies(engine, requests)})
        engine.close()
    assert found[0] == found[1]
    assert len({str(answers) for answers in found[0].values()}) == len(requests), "or a mix-up would not show"
