from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from torch import Tensor

from daemon.inference.batch_engine import BatchEngine
from daemon.inference.control_tiles import BLIND, COLOUR_BLIND, TILES, ControlCheck, control_requests
from daemon.inference.engine import EngineInfo
from daemon.inference.features.feature_cache import FeatureCache
from daemon.inference.runner_loader import LoadedRunner
from daemon.inference.smolvlm.checkpoint import ModelSpec
from daemon.inference.smolvlm.processor import Floats
from daemon.inference.torch.loader import TorchLoader
from daemon.inference.torch.model_runner import TorchRunner
from daemon.inference.weights.sources import ModelFolder
from tests.contracts.test_engine import picture, replies
from tests.support.checkpoints import write_tiny_checkpoint

SOUND = {"red": "A plain red picture.", "blue": "The image is Blue, and empty.", "grey": "A gray wall."}


def problem_of(**answers: str) -> str | None:
    return ControlCheck().judge(SOUND | answers, weights="w", precision="bfloat16").problem


def test_a_model_that_names_every_colour_is_sound() -> None:
    assert problem_of() is None


def test_a_model_that_is_unsure_of_one_colour_is_sound() -> None:
    assert problem_of(grey="A wall.", blue="A sky.") is None


@pytest.mark.parametrize("same", [{"red": "A cat.", "blue": "A cat.", "grey": "A cat."}, {"blue": SOUND["red"]}])
def test_equal_answers_are_given_without_looking(same: dict[str, str]) -> None:
    assert problem_of(**same) == BLIND


def test_swapped_channels_are_found() -> None:
    swapped = problem_of(red=SOUND["blue"], blue=SOUND["red"])
    assert swapped == "It confuses colours: it calls a plain red picture blue."


def test_a_model_that_names_no_colour_is_not_trusted() -> None:
    assert problem_of(red="infrared q", blue="x x", grey="y") == COLOUR_BLIND


def test_the_digest_depends_on_answers_weights_and_precision_alone() -> None:
    digest = ControlCheck().judge(SOUND, weights="w", precision="bfloat16").digest
    assert ControlCheck().judge(dict(reversed(SOUND.items())), weights="w", precision="bfloat16").digest == digest
    others = {
        ControlCheck().judge(SOUND, weights="v", precision="bfloat16").digest,
        ControlCheck().judge(SOUND, weights="w", precision="float32").digest,
        ControlCheck().judge(SOUND | {"grey": "A grey wall."}, weights="w", precision="bfloat16").digest,
    }
    assert len(others) == 3
    assert digest not in others
    assert len(digest or "") == 8


def test_each_tile_is_one_plain_picture_with_its_colour_as_id() -> None:
    requests = control_requests(64)
    assert {request.id: tuple(request.pictures[0][5, 60]) for request in requests} == TILES
    assert all(request.pictures[0].shape == (64, 64, 3) for request in requests)


class BlindLoader(TorchLoader):
    """Loads a model whose image features are all zero."""

    def load(self, folder: Path, spec: ModelSpec, max_sequences: int) -> LoadedRunner[Tensor]:
        loaded = super().load(folder, spec, max_sequences)
        assert isinstance(loaded.runner, TorchRunner)
        encode = loaded.runner.encode_images

        def blind(tiles: Sequence[Floats]) -> list[Tensor]:
            return [features * 0 for features in encode(tiles)]

        loaded.runner.encode_images = blind  # type: ignore[method-assign]
        return loaded


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_checkpoint(tmp_path_factory.mktemp("tiny"))


def loaded(
    folder: Path,
    *,
    loader: type[TorchLoader] = TorchLoader,
    precision: str = "f32",
    rows: int = 4,
    exemption: str | None = None,
) -> EngineInfo:
    engine = BatchEngine(
        ModelFolder(folder, "tiny", "1"),
        loader(device="cpu", precision=precision, threads=1),
        rows=rows,
        control=ControlCheck(exemption=exemption),
    )
    with closing(engine):
        return engine.load()


def test_a_model_with_random_weights_is_not_trusted(checkpoint: Path) -> None:
    """Whatever words it uses, they do not fit."""
    assert loaded(checkpoint).problem is not None


def test_an_exempt_model_that_fails_is_trusted_with_a_note(checkpoint: Path) -> None:
    reason = "It was never shown any."
    info = loaded(checkpoint, exemption=reason)
    assert (info.problem, info.notes[-1]) == (None, reason)
    assert info.control == loaded(checkpoint).control


def test_a_model_without_image_features_is_not_trusted(checkpoint: Path) -> None:
    assert loaded(checkpoint, loader=BlindLoader).problem == BLIND


def test_the_digest_changes_with_weights_and_precision_but_not_with_restart_or_batch(
    checkpoint: Path, tmp_path: Path
) -> None:
    other = write_tiny_checkpoint(tmp_path / "other", seed=1)
    first, again, single = loaded(checkpoint), loaded(checkpoint), loaded(checkpoint, rows=1)
    assert first.control == again.control == single.control
    assert first.weights == single.weights == ModelFolder(checkpoint, "tiny", "1").digest != loaded(other).weights
    digests = {first.control, loaded(checkpoint, precision="bf16").control, loaded(other).control}
    assert len(digests) == 3


def test_the_check_uses_no_kept_features_and_leaves_the_engine_cold(checkpoint: Path) -> None:
    features = FeatureCache()
    engine = BatchEngine(
        ModelFolder(checkpoint, "tiny", "1"),
        TorchLoader(device="cpu", precision="f32", threads=1),
        features=features,
        control=ControlCheck(),
    )
    with closing(engine):
        engine.load()
        assert (features.usage.hits, features.usage.misses) == (0, 0)
        (reply,) = replies(engine, [replace(picture("red"), id="red")])
        assert reply.figures is not None
        assert reply.figures.cold_start
        assert features.usage.misses == 1
