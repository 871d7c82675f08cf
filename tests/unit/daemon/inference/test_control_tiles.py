from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file
from torch import Tensor

import daemon.inference
from daemon.inference.batch_engine import BatchEngine
from daemon.inference.control_tiles import BLIND, COLOUR_BLIND, TILES, control_requests, judge
from daemon.inference.engine import EngineInfo
from daemon.inference.features.feature_cache import FeatureCache
from daemon.inference.runner_loader import LoadedRunner, RunnerLoader
from daemon.inference.smolvlm.checkpoint import ModelSpec
from daemon.inference.smolvlm.processor import Floats
from daemon.inference.torch.loader import TorchLoader
from daemon.inference.torch.model_runner import TorchRunner
from daemon.inference.weights.sources import DEMO, ModelFolder
from tests.contracts.test_engine import picture, replies
from tests.fakes.batch_runner import PixelLoader
from tests.fakes.seeing_runner import SeeingLoader, SwappedRunner, ZeroedRunner
from tests.support.checkpoints import write_tiny_checkpoint

#: The real model's processor, without weights.
CONFIG = Path(daemon.inference.__file__).parent / "smolvlm2_500m"
PATCHES = "model.vision_model.embeddings.patch_embedding.weight"
PROJECTION = "model.connector.modality_projection.proj.weight"
SOUND = {"red": "A plain red picture.", "blue": "The image is Blue, and empty.", "grey": "A gray wall."}


def problem_of(**answers: str) -> str | None:
    return judge(SOUND | answers, weights="w", precision="bfloat16").problem


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
    digest = judge(SOUND, weights="w", precision="bfloat16").digest
    assert judge(dict(reversed(SOUND.items())), weights="w", precision="bfloat16").digest == digest
    others = {
        judge(SOUND, weights="v", precision="bfloat16").digest,
        judge(SOUND, weights="w", precision="float32").digest,
        judge(SOUND | {"grey": "A grey wall."}, weights="w", precision="bfloat16").digest,
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
) -> EngineInfo:
    engine = BatchEngine(
        ModelFolder(folder, "tiny", "1"),
        loader(device="cpu", precision=precision, threads=1),
        rows=rows,
        control=True,
    )
    with closing(engine):
        return engine.load()


def test_a_model_with_random_weights_is_not_trusted(checkpoint: Path) -> None:
    """Whatever words it uses, they do not fit."""
    assert loaded(checkpoint).problem is not None


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


def seen_by(loader: RunnerLoader[str], folder: Path = CONFIG, *, rows: int = 4) -> EngineInfo:
    engine = BatchEngine(ModelFolder(folder, "seeing", "1"), loader, rows=rows, control=True)
    with closing(engine):
        return engine.load()


def test_a_sound_model_is_told_apart_from_blind_and_colour_blind_ones_and_from_random_weights() -> None:
    """The fake names plain colours; its vision is broken as a real model's would be."""
    sound = seen_by(SeeingLoader())
    zeroed, swapped = seen_by(SeeingLoader(ZeroedRunner)), seen_by(SeeingLoader(SwappedRunner))
    random = seen_by(PixelLoader())
    assert sound.problem is None
    assert zeroed.problem == BLIND
    assert swapped.problem == "It confuses colours: it calls a plain red picture blue."
    assert random.problem == COLOUR_BLIND
    assert len({each.control for each in (sound, zeroed, swapped, random)}) == 4


def test_the_digest_of_a_sound_model_depends_on_its_precision_and_not_on_the_batch() -> None:
    sound = seen_by(SeeingLoader())
    assert seen_by(SeeingLoader(), rows=1).control == sound.control
    assert seen_by(SeeingLoader(precision="glass beads")).control != sound.control


@pytest.fixture(scope="module")
def demo() -> EngineInfo:
    return loaded(DEMO)


def test_the_demo_model_is_told_apart_from_itself_with_broken_vision(demo: EngineInfo, tmp_path: Path) -> None:
    def swap_channels(weights: dict[str, Tensor]) -> None:
        weights[PATCHES] = weights[PATCHES].flip(1)

    def zero_vision(weights: dict[str, Tensor]) -> None:
        weights[PROJECTION] = weights[PROJECTION] * 0

    swapped = loaded(altered_demo(tmp_path / "swapped", swap_channels))
    zeroed = loaded(altered_demo(tmp_path / "zeroed", zero_vision))
    assert demo.problem is None
    assert zeroed.problem == BLIND
    assert swapped.problem is not None
    assert len({demo.control, swapped.control, zeroed.control}) == 3


def altered_demo(folder: Path, change: Callable[[dict[str, Tensor]], None]) -> Path:
    """The demo model's checkpoint with changed weights."""
    shutil.copytree(DEMO, folder)
    file = folder / "model.safetensors"
    weights = load_file(file)
    change(weights)
    save_file(weights, file, {"format": "pt"})
    return folder


def test_the_check_uses_no_kept_features_and_leaves_the_engine_cold(checkpoint: Path) -> None:
    features = FeatureCache()
    engine = BatchEngine(
        ModelFolder(checkpoint, "tiny", "1"),
        TorchLoader(device="cpu", precision="f32", threads=1),
        features=features,
        control=True,
    )
    with closing(engine):
        engine.load()
        assert (features.usage.hits, features.usage.misses) == (0, 0)
        (reply,) = replies(engine, [replace(picture("red"), id="red")])
        assert reply.figures is not None
        assert reply.figures.cold_start
        assert features.usage.misses == 1
