from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from cli.commands.run import absolute_if_folder
from cli.weights import offer_weights
from config.errors import ModelUnavailableError
from config.settings import ModelSettings, Settings
from tests.unit.cli.conftest import House


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The hub's cache with nothing in it, and no network behind it."""
    cache = tmp_path / "hub"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return cache


def offered(answer: str, *, ask: bool = True, accept: bool = False, **model: str) -> Result:
    settings = Settings(home=Path("/home"), model=ModelSettings.model_validate(model))
    command = click.Command("offer", callback=lambda: offer_weights(settings, ask=ask, accept=accept))
    return CliRunner().invoke(command, [], input=answer)


def test_the_size_is_said_before_the_question() -> None:
    result = offered("n\n")
    assert result.exit_code == 0
    assert "Download them now (about 2.0 GB)? [Y/n]" in result.stderr
    assert result.stdout == ""


def test_only_the_default_models_size_is_known() -> None:
    assert "Download them now? [Y/n]" in offered("n\n", id="someone/else").stderr


def test_yes_is_the_default_answer() -> None:
    assert isinstance(offered("\n").exception, ModelUnavailableError), "a pull was tried, with no network"


def test_accepting_beforehand_asks_nothing() -> None:
    result = offered("", ask=False, accept=True)
    assert isinstance(result.exception, ModelUnavailableError)
    assert "Download them now" not in result.stderr


def test_without_a_terminal_nothing_is_asked() -> None:
    result = offered("", ask=False)
    assert result.exit_code == 0
    assert "Download" not in result.stderr
    assert "are not on this machine" in result.stderr


@pytest.mark.parametrize("model", [{"id": "demo"}, {"id": "/nowhere/folder"}, {"engine": "echo"}])
def test_what_cannot_be_fetched_is_not_offered(model: dict[str, Any]) -> None:
    result = offered("", **model)
    assert (result.exit_code, result.stderr) == (0, "")


def test_a_folder_is_meant_from_the_current_one_and_demo_never_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("mine", "demo"):
        (tmp_path / name).mkdir()
    assert absolute_if_folder("mine") == str(tmp_path / "mine")
    assert absolute_if_folder("demo") == "demo"
    assert absolute_if_folder("someone/model") == "someone/model"


def test_models_are_listed_for_programs(house: House) -> None:
    models = json.loads(house.ask("model", "list", "--json").stdout)
    assert [model["name"] for model in models] == ["HuggingFaceTB/SmolVLM2-500M-Video-Instruct", "demo"]
    assert models[0]["here"] is False
    assert "smolwatch model pull" in models[0]["problem"]
    assert models[0]["chosen"] is True


def test_models_are_listed_for_people(house: House) -> None:
    result = house.ask("model", "list")
    assert result.exit_code == 0
    assert "smolwatch model pull" in result.stdout


def test_a_pull_without_a_network_ends_with_6(house: House) -> None:
    result = house.ask("model", "pull")
    assert result.exit_code == 6
    assert result.stdout == ""


def test_a_folder_with_weights_is_not_overwritten(house: House, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"mine")
    result = house.ask("model", "random", str(tmp_path))
    assert result.exit_code == 1
    assert (tmp_path / "model.safetensors").read_bytes() == b"mine"
