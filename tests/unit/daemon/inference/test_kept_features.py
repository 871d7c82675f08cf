"""No tile is encoded twice, and no answer changes by that."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from config.groups import Detail
from daemon.inference.batch_engine import BatchEngine
from daemon.inference.engine import Reply, Request
from daemon.inference.features.feature_cache import CacheUsage, FeatureCache
from daemon.inference.features.feature_files import FeatureFiles
from daemon.inference.mlx.loader import MlxLoader
from daemon.inference.mlx.quantize import write_quantized
from daemon.inference.weights.sources import DEMO, ModelFolder
from tests.contracts.test_engine import QUESTIONS, picture, replies, several, text_alone, torch_engine, video
from tests.support.checkpoints import write_tiny_checkpoint

Answer = Callable[..., list[Reply]]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_checkpoint(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "features"


@pytest.fixture
def answered(checkpoint: Path, folder: Path) -> Iterator[Answer]:
    """Answers requests by a new engine, whose cache is on disk."""

    def answer(
        *requests: Request, weights: Path = checkpoint, detail: Detail = "fast", precision: str = "f32"
    ) -> list[Reply]:
        features = FeatureCache(FeatureFiles(folder, max_bytes=10**8, keep_free=0))
        with closing(torch_engine(weights, detail=detail, precision=precision, features=features)) as engine:
            engine.load()
            return [reply for request in requests for reply in replies(engine, [request])]

    yield answer


def encoded(found: list[Reply]) -> list[int]:
    return [reply.figures.tiles_encoded for reply in found if reply.figures is not None]


def uncached(checkpoint: Path, request: Request) -> Reply:
    with closing(torch_engine(checkpoint)) as engine:
        engine.load()
        (reply,) = replies(engine, [request])
        assert engine.feature_usage() == CacheUsage()
        return reply


@pytest.mark.parametrize("precision", ["f32", "bf16"])
def test_a_second_question_about_a_file_is_answered_without_vision(answered: Answer, precision: str) -> None:
    """In the same engine, and in a later one: the same tokens."""
    requests = [picture("a"), video("b", 5), several("g")]
    first = answered(*requests, *requests, precision=precision)
    later = answered(*requests, precision=precision)
    assert encoded(first) == [1, 5, 2, 0, 0, 0]
    assert encoded(later) == [0, 0, 0]
    assert [reply.answers for reply in first[:3]] == [reply.answers for reply in later]
    assert [reply.answers for reply in first[3:]] == [reply.answers for reply in later]
    assert all(reply.figures is not None and reply.figures.seconds["vision"] == 0 for reply in later)


def test_only_the_tiles_that_are_missing_are_encoded(answered: Answer, checkpoint: Path) -> None:
    """In any order of pictures and frames, and with equal tiles among them."""
    a, b = picture("a").pictures, video("b", 4).pictures
    answered(picture("a"), replace(video("b", 4), pictures=(b[2], b[0]), timestamps=(0.0, 1.0), seconds=2))
    requests = [
        Request(id="1", pictures=(*picture("new").pictures, *a), questions=QUESTIONS),
        video("b", 4),
        Request(id="2", pictures=(*a, *picture("newer").pictures, *a), questions=QUESTIONS),
        text_alone("3"),
    ]
    found = answered(*requests)
    assert encoded(found) == [1, 2, 1, 0]
    assert [reply.answers for reply in found] == [uncached(checkpoint, request).answers for request in requests]


def test_another_detail_precision_or_other_weights_have_entries_of_their_own(
    answered: Answer, checkpoint: Path, tmp_path: Path
) -> None:
    other = write_tiny_checkpoint(tmp_path / "other", seed=1)
    (first,) = answered(picture("a"))
    larger = Path(shutil.copytree(checkpoint, tmp_path / "larger"))
    file = larger / "preprocessor_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"size": {"longest_edge": 256}}))
    assert encoded(answered(picture("a"), weights=larger)) == [0], "the same weights and tiles"
    for left in (5, 0):
        assert encoded(answered(picture("a"), weights=larger, detail="balanced")) == [left]
    assert encoded(answered(picture("a"), precision="bf16")) == [1]
    (others,) = answered(picture("a"), weights=other)
    assert encoded([others]) == [1]
    assert others.answers != first.answers
    assert encoded(answered(picture("a"))) == [0]


@pytest.mark.parametrize("content", [b"", b"foreign", b"smolwatch features 1\n" + bytes(100)])
def test_a_damaged_cache_is_a_miss(answered: Answer, folder: Path, content: bytes) -> None:
    (first,) = answered(several("g"))
    for file in folder.glob("*/*"):
        file.write_bytes(content)
    (again,) = answered(several("g"))
    assert encoded([again]) == [2]
    assert again.answers == first.answers
    assert encoded(answered(several("g"))) == [0], "it was written again"


def test_a_cache_that_cannot_be_written_is_a_miss(answered: Answer, folder: Path) -> None:
    folder.write_text("not a folder")
    for _ in range(2):
        assert encoded(answered(picture("a"))) == [1]


def test_features_are_kept_bit_for_bit(checkpoint: Path) -> None:
    for precision in ("f32", "bf16"):
        with closing(torch_engine(checkpoint, precision=precision)) as engine:
            engine.load()
            assert engine.runner is not None
            features = engine.runner.encode_images([torch.rand(3, 64, 64).numpy()])[0]
            again = engine.runner.from_bytes(engine.runner.to_bytes(features))
            assert again.dtype == features.dtype
            assert torch.equal(again, features)


def test_features_of_another_precision_are_not_taken_where_the_weights_are_the_same_8_bits(tmp_path: Path) -> None:
    """Their bytes would be read as other numbers."""
    write_quantized(DEMO, tmp_path / "small", 8)
    model, files = ModelFolder(tmp_path / "small", "small", "1"), FeatureFiles(tmp_path, max_bytes=10**8, keep_free=0)
    for precision, tiles in (("bf16", 1), ("f16", 1), ("f32", 1), ("bf16", 0)):
        loader = MlxLoader(device="cpu", precision=precision)
        with closing(BatchEngine(model, loader, detail="fast", features=FeatureCache(files))) as engine:
            assert engine.load().dtype == "int8"
            (reply,) = replies(engine, [picture("a")])
        assert reply.error is None
        assert encoded([reply]) == [tiles], precision
