"""Which model is meant, where it is, and which error there is without it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from config.errors import ModelUnavailableError, SmolwatchError, UnknownModelError
from config.settings import DEFAULT_MODEL, DEFAULT_REVISION, ModelSettings, Settings
from daemon.inference.registry import model_key
from daemon.inference.weights import sources
from daemon.inference.weights.published_models import PUBLISHED
from daemon.inference.weights.sources import find_model, list_models, pull, write_random


def settings_for(**chosen: object) -> Settings:
    return Settings(home=Path("/home"), model=ModelSettings.model_validate(chosen))


def put_checkpoint(folder: Path, weights: bytes = b"weights") -> Path:
    folder.mkdir(parents=True)
    for name in ("config.json", "tokenizer.json", "preprocessor_config.json"):
        (folder / name).write_text("{}")
    (folder / "model.safetensors").write_bytes(weights)
    return folder


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The hub's cache, empty; the folder that the default model would have in it."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub" / f"models--{DEFAULT_MODEL.replace('/', '--')}" / "snapshots" / DEFAULT_REVISION


def test_a_folder_is_found_under_its_name_and_a_digest(tmp_path: Path) -> None:
    folder = put_checkpoint(tmp_path / "mine")
    found = find_model(settings_for(id=str(folder)))
    assert (found.path, found.id, found.bytes) == (folder, "mine", 7)
    assert len(found.revision) == 12
    assert model_key(settings_for(id=str(folder))) == f"mine@{found.revision}"


def test_other_weights_in_a_folder_are_another_revision(tmp_path: Path) -> None:
    keys = {
        model_key(settings_for(id=str(put_checkpoint(tmp_path / str(n) / "mine", weights))))
        for n, weights in enumerate((b"weights", b"WEIGHTS", b"weights!"))
    }
    assert len(keys) == 3


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "preprocessor_config.json", "model.safetensors"])
def test_what_a_folder_lacks_is_named(tmp_path: Path, name: str) -> None:
    folder = put_checkpoint(tmp_path / "mine")
    (folder / name).unlink()
    with pytest.raises(ModelUnavailableError, match=f"mine lacks {name}") as caught:
        find_model(settings_for(id=str(folder)))
    assert "model.id" in caught.value.advice
    assert model_key(settings_for(id=str(folder))) == "mine@absent"


def test_sharded_weights_are_weights(tmp_path: Path) -> None:
    folder = put_checkpoint(tmp_path / "mine")
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    (folder / "model.safetensors.index.json").write_text("{}")
    assert find_model(settings_for(id=str(folder))).bytes == 7


def test_a_folder_that_is_not_there_is_not_looked_for_on_the_hub(tmp_path: Path) -> None:
    with pytest.raises(UnknownModelError, match=r"There is no folder .*nowhere"):
        find_model(settings_for(id=str(tmp_path / "nowhere")))
    with pytest.raises(UnknownModelError, match=r"There is no folder \./nowhere/at-all\."):
        pull(settings_for(id="./nowhere/at-all"), lambda *_: None)


def test_a_file_is_not_a_folder(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    with pytest.raises(UnknownModelError, match=r"model\.safetensors is not a folder\."):
        find_model(settings_for(id=str(tmp_path / "model.safetensors")))


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("demoo", "demo"),
        ("265m", "256m"),
        ("2b", "2.2b"),
        ("SmolVLM2-500M-Video-Instruct", DEFAULT_MODEL),
        ("someone/tynier", "someone/tinier"),
    ],
)
def test_a_near_miss_is_answered_with_the_models_that_are_here(cache: Path, name: str, near: str) -> None:
    put_checkpoint(cache.parents[2] / "models--someone--tinier" / "snapshots" / "1")
    (cache.parents[2] / "models--someone--tynie" / "snapshots" / "1").mkdir(parents=True)  # not complete
    with pytest.raises(ModelUnavailableError, match=rf"Did you mean {near}\?$"):
        find_model(settings_for(id=name))


def test_the_demo_is_the_one_in_the_package() -> None:
    assert model_key(settings_for(id="demo")) == "smolwatch-demo@2"
    assert sources.local_folder("demo") == sources.DEMO


def test_a_hub_model_s_key_is_known_before_its_weights_are_here(cache: Path) -> None:
    assert model_key(settings_for()) == f"{DEFAULT_MODEL}@{DEFAULT_REVISION}"
    with pytest.raises(ModelUnavailableError, match="not on this machine") as caught:
        find_model(settings_for())
    assert "smolwatch model pull" in caught.value.advice


def test_a_hub_model_is_found_in_the_cache(cache: Path) -> None:
    put_checkpoint(cache)
    found = find_model(settings_for())
    assert (found.path, found.id, found.revision) == (cache, DEFAULT_MODEL, DEFAULT_REVISION)


def test_a_download_that_is_not_complete_is_not_taken_for_the_model(cache: Path) -> None:
    (put_checkpoint(cache) / "model.safetensors").unlink()
    with pytest.raises(ModelUnavailableError, match=r"not complete: model\.safetensors is missing"):
        find_model(settings_for())


def test_a_short_name_is_the_published_model_whatever_folder_has_that_name(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_checkpoint(cache)
    put_checkpoint(cache / "500m")
    monkeypatch.chdir(cache)
    found = find_model(settings_for(id="500m"))
    assert (found.path, found.id, found.revision) == (cache, DEFAULT_MODEL, DEFAULT_REVISION)
    assert model_key(settings_for(id="500M")) == f"{DEFAULT_MODEL}@{DEFAULT_REVISION}"
    assert find_model(settings_for(id="./500m")).id == "500m"


def test_a_published_model_that_is_not_here_is_fetched_by_its_short_name(cache: Path) -> None:
    with pytest.raises(ModelUnavailableError, match=r"256M-Video-Instruct are not on this machine\.$") as caught:
        find_model(settings_for(id="256m"))
    assert caught.value.advice == "Fetch them with: smolwatch model pull 256m"


def test_the_list_has_the_chosen_the_published_and_the_demo_model_once(tmp_path: Path, cache: Path) -> None:
    folder = put_checkpoint(tmp_path / "mine")
    repositories = [model.repository for model in PUBLISHED]
    listed = list_models(settings_for(id=str(folder)))
    assert [(model.name, model.chosen) for model in listed] == [
        (str(folder), True),
        *((name, False) for name in repositories),
        ("demo", False),
    ]
    assert listed[0].here is not None
    assert listed[0].here.path == folder
    assert listed[2].here is None
    assert "smolwatch model pull" in listed[2].advice
    assert [model.state for model in listed] == ["folder", *["not downloaded"] * 3, "part of smolwatch"]
    assert [model.published for model in listed] == [None, *PUBLISHED, None]


@pytest.mark.parametrize("chosen", ["demo", "2.2b", DEFAULT_MODEL])
def test_a_chosen_model_that_is_listed_anyway_is_marked_in_its_place(cache: Path, chosen: str) -> None:
    listed = list_models(settings_for(id=chosen))
    assert [model.name for model in listed] == [*(model.repository for model in PUBLISHED), "demo"]
    (marked,) = [model for model in listed if model.chosen]
    assert chosen in (marked.name, marked.published and marked.published.short)


def test_random_weights_never_replace_others(tmp_path: Path) -> None:
    folder = put_checkpoint(tmp_path / "mine")
    with pytest.raises(SmolwatchError, match="holds weights already"):
        write_random(folder)
    assert (folder / "model.safetensors").read_bytes() == b"weights"


def test_weights_that_differ_in_one_small_tensor_have_another_digest(tmp_path: Path) -> None:
    tensors = {f"layer.{number}": np.full(50_000, number, np.float32) for number in range(10)}
    digests = []
    for name, changed in (("whole", {}), ("same", {}), ("other", {"layer.7": np.zeros(50_000, np.float32)})):
        folder = put_checkpoint(tmp_path / name / "mine")
        save_file(tensors | changed, folder / "model.safetensors")
        digests.append(find_model(settings_for(id=str(folder))).digest)
    assert digests[0] == digests[1] != digests[2]
