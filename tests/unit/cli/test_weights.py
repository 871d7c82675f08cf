from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from cli.commands.run import absolute_if_folder
from cli.render import size
from cli.weights import offer_weights
from config.errors import ModelUnavailableError, UnknownModelError
from config.settings import DEFAULT_REVISION, ModelSettings, Settings
from daemon.inference.weights.published_models import PUBLISHED
from daemon.inference.weights.sources import find
from tests.support.checkpoints import write_tiny_checkpoint
from tests.unit.cli.conftest import CliHome


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The hub's cache with nothing in it, and no network behind it."""
    cache = tmp_path / "hub"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return cache


def offered(answer: str, *, ask: bool = True, accept: bool = False, once: bool = False, **model: str) -> Result:
    settings = Settings(home=Path("/home"), model=ModelSettings.model_validate(model))
    command = click.Command("offer", callback=lambda: offer_weights(settings, ask=ask, accept=accept, once=once))
    return CliRunner().invoke(command, [], input=answer)


def test_the_size_is_shown_before_the_question() -> None:
    result = offered("n\n")
    assert result.exit_code == 0
    assert "Download them now (about 2.0 GB)? [Y/n]" in result.stderr
    assert result.stdout == ""


def test_the_command_names_a_model_that_was_chosen_with_a_flag() -> None:
    line = offered("", ask=False, id="someone/else").stderr
    assert line.endswith("use --yes or: smolwatch model pull someone/else\n")


def test_only_the_size_of_published_models_is_known() -> None:
    assert "Download them now (about 9.0 GB)? [Y/n]" in offered("n\n", id="2.2b").stderr
    assert "Download them now? [Y/n]" in offered("n\n", id="someone/else").stderr


def test_yes_is_the_default_answer() -> None:
    assert isinstance(offered("\n").exception, ModelUnavailableError), "a pull was tried, with no network"


def test_yes_beforehand_leaves_out_the_question() -> None:
    result = offered("", ask=False, accept=True)
    assert isinstance(result.exception, ModelUnavailableError)
    assert "Download them now" not in result.stderr


def test_without_a_terminal_there_is_no_question() -> None:
    result = offered("", ask=False)
    assert result.exit_code == 0
    assert "Download" not in result.stderr
    assert result.stderr == (
        "smolwatch: The weights of HuggingFaceTB/SmolVLM2-500M-Video-Instruct are not on this machine. "
        "Files wait until they are. To download them, use --yes or: smolwatch model pull\n"
    )


def test_a_near_miss_of_a_hub_name_is_suggested_in_the_same_line() -> None:
    result = offered("n\n", id="HuggingFaceTB/SmolVLM2-500M-Video-Instrukt")
    assert "Did you mean HuggingFaceTB/SmolVLM2-500M-Video-Instruct?" in result.stderr.splitlines()[0]
    assert "Download them now? [Y/n]" in result.stderr


@pytest.mark.parametrize("model", [{"id": "demo"}, {"engine": "echo"}])
def test_what_is_here_is_not_offered(model: dict[str, Any]) -> None:
    result = offered("", **model)
    assert (result.exit_code, result.stderr) == (0, "")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("demoo", 'There is no model "demoo". Did you mean demo?'),
        ("265m", 'There is no model "265m". Did you mean 256m?'),
        ("llama", 'There is no model "llama".'),
        ("./nosuch", "There is no folder ./nosuch."),
        ("/nowhere/folder", "There is no folder /nowhere/folder."),
    ],
)
def test_a_name_that_cannot_be_a_model_ends_the_start_on_a_terminal_and_with_once(name: str, message: str) -> None:
    for options in ({"ask": True}, {"ask": False, "once": True}):
        error = offered("", id=name, **options).exception  # type: ignore[arg-type]
        assert isinstance(error, UnknownModelError)
        assert (str(error), error.exit_code) == (message, 6)
        assert error.advice.startswith('Give "demo", 256m, 500m or 2.2b, a folder that holds a checkpoint, or a name')


def test_a_program_that_starts_it_with_such_a_name_reads_one_line_and_waits() -> None:
    result = offered("", ask=False, id="demoo")
    assert result.exit_code == 0
    assert result.stderr == 'smolwatch: There is no model "demoo". Did you mean demo? Files wait until there is one.\n'


def test_a_folder_without_a_whole_checkpoint_is_reported_and_never_offered(tmp_path: Path) -> None:
    result = offered("", id=str(tmp_path))
    assert result.exit_code == 0
    assert f"{tmp_path} lacks config.json" in result.stderr
    assert "Download" not in result.stderr


def test_a_folder_is_meant_from_the_current_one_and_demo_never_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("mine", "demo"):
        (tmp_path / name).mkdir()
    assert absolute_if_folder("mine") == str(tmp_path / "mine")
    assert absolute_if_folder("demo") == "demo"
    assert absolute_if_folder("someone/model") == "someone/model"


def test_models_are_listed_for_programs(home: CliHome) -> None:
    models = json.loads(home.invoke("model", "list", "--json").stdout)
    assert [model["name"] for model in models] == [*(model.repository for model in PUBLISHED), "demo"]
    assert [model["chosen"] for model in models] == [False, True, False, False]
    assert [model["here"] for model in models] == [False, False, False, True]
    assert "smolwatch model pull" in models[1]["problem"]
    large = models[2]
    assert (large["short"], large["licence"], large["memory_bytes"]) == ("2.2b", "Apache-2.0", 5_200_000_000)
    assert large["parameters"] == 2_246_784_880
    assert large["download_bytes"] == 8_991_000_000
    assert "short" not in models[3]


def test_models_are_listed_for_people(home: CliHome) -> None:
    result = home.invoke("model", "list")
    assert result.exit_code == 0
    places, needs = (part.splitlines()[2:] for part in result.stdout.split("\n\n")[:2])
    assert [line.split() for line in places] == [
        ["256m", "HuggingFaceTB/SmolVLM2-256M-Video-Instruct", "not", "downloaded"],
        ["*", "500m", "HuggingFaceTB/SmolVLM2-500M-Video-Instruct", "not", "downloaded"],
        ["2.2b", "HuggingFaceTB/SmolVLM2-2.2B-Instruct", "not", "downloaded"],
        ["demo", *"part of smolwatch".split()],
    ]
    assert [line.split() for line in needs] == [
        "256m 256 million 1.0 GB 1.4 GB Apache-2.0".split(),
        "500m 507 million 2.0 GB 1.8 GB Apache-2.0".split(),
        "2.2b 2247 million 9.0 GB 5.2 GB Apache-2.0".split(),
        ["demo", *size(find("demo", "").bytes).split()],
    ]
    assert result.stdout.splitlines()[-2:] == [
        "* chosen. Memory: of a GPU, for a video in bf16, by the model's card.",
        "Fetch them with: smolwatch model pull",
    ]


def test_a_pull_of_an_unknown_name_ends_with_6_and_the_nearest_name(home: CliHome) -> None:
    result = home.invoke("model", "pull", "265m")
    assert result.exit_code == 6
    assert result.stderr.startswith('smolwatch: There is no model "265m". Did you mean 256m?')


def test_what_a_chosen_folder_lacks_is_shown_below_the_list(home: CliHome, tmp_path: Path) -> None:
    home.settings.config_file.write_text(f"[model]\nid = '{tmp_path}'\n")
    shown = home.invoke("model", "list").stdout
    assert shown.splitlines()[2].split() == ["*", str(tmp_path), "not", "complete"]
    assert f"{tmp_path} lacks config.json" in shown.splitlines()[-2]
    assert shown.splitlines()[-1] == "Set model.id to a folder with a whole checkpoint."


def test_the_list_fits_a_terminal_of_80_columns(home: CliHome, tmp_path: Path) -> None:
    hub = tmp_path / "hub" / "models--HuggingFaceTB--SmolVLM2-500M-Video-Instruct" / "snapshots" / DEFAULT_REVISION
    write_tiny_checkpoint(hub)
    shown = on_a_terminal(80, home, "model", "list")
    lines = shown.splitlines()
    assert max(map(len, lines)) <= 80
    assert [line.split()[-1] for line in lines[2:6]] == [*["downloaded"] * 3, "smolwatch"]
    assert "HuggingFaceTB/SmolVLM2-500M-Video-Instruct" in lines[3]
    assert "not" not in lines[3].split()
    home.settings.config_file.write_text("[model]\nid = 'demoo'\n")
    lines = on_a_terminal(80, home, "model", "list").splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[2].split() == ["*", "demoo", "not", "found"]
    assert 'There is no model "demoo". Did you mean demo?' in lines


def on_a_terminal(columns: int, home: CliHome, *arguments: str) -> str:
    """What a command shows on a pseudo-terminal of that width, the hub's cache in the folder `hub` beside the home."""
    control, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("SMOLWATCH_", "COLUMNS"))}
    environ = mine | {"HF_HUB_CACHE": str(home.settings.home.with_name("hub")), "TERM": "xterm", "NO_COLOR": "1"}
    command = [sys.executable, "-m", "cli.main", "--home", str(home.settings.home), *arguments]
    with subprocess.Popen(command, env=environ, stdin=terminal, stdout=terminal, stderr=terminal):
        os.close(terminal)
        shown = b""
        with suppress(OSError):  # EIO: the other end is closed
            while read := os.read(control, 65536):
                shown += read
    os.close(control)
    return re.sub(r"\x1b\[[0-9;]*m", "", shown.decode()).replace("\r\n", "\n")


def test_a_pull_without_a_network_ends_with_6(home: CliHome) -> None:
    result = home.invoke("model", "pull")
    assert result.exit_code == 6
    assert result.stdout == ""


def test_a_folder_with_weights_is_not_overwritten(home: CliHome, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"mine")
    result = home.invoke("model", "random", str(tmp_path))
    assert result.exit_code == 1
    assert (tmp_path / "model.safetensors").read_bytes() == b"mine"
