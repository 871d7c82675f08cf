from __future__ import annotations

from pathlib import Path

import pytest

from config.errors import ConfigError
from config.inboxes import InboxSettings
from config.settings import Settings
from daemon.errors import ServiceError
from daemon.service.service_spec import ServiceSpec, spec_for, unseen_settings


@pytest.fixture
def program(tmp_path: Path) -> Path:
    program = tmp_path / "bin" / "smolwatch"
    program.parent.mkdir()
    program.touch()
    return program


def test_everything_is_absolute_and_the_command_names_home_and_launcher(tmp_path: Path, program: Path) -> None:
    plan = spec_for(Settings(home=tmp_path / "Büro"), {}, program=program)
    assert plan.arguments("launchd") == [
        str(program),
        "--home",
        str(tmp_path / "Büro"),
        "run",
        "--launched-by",
        "launchd",
    ]
    assert plan.folders == (tmp_path / "Büro" / "inbox",)
    assert Path(plan.environment["HF_HOME"]) == Path.home() / ".cache" / "huggingface"
    assert all(Path(part).is_absolute() for part in plan.environment["PATH"].split(":"))


def test_a_moved_cache_of_weights_is_found_by_the_service_too(tmp_path: Path, program: Path) -> None:
    def environment(**environ: str) -> dict[str, str]:
        return dict(spec_for(Settings(home=tmp_path), environ, program=program).environment)

    assert environment(XDG_CACHE_HOME="/cache")["HF_HOME"] == "/cache/huggingface"
    assert environment(HF_HOME="~/hf")["HF_HOME"] == str(Path.home() / "hf")
    assert environment(HF_HUB_CACHE="/hub")["HF_HUB_CACHE"] == "/hub"


def test_nothing_secret_and_no_other_variable_is_carried_over(tmp_path: Path, program: Path) -> None:
    plan = spec_for(Settings(home=tmp_path), {"HF_TOKEN": "secret", "PATH": "/mine"}, program=program)
    assert set(plan.environment) == {"PATH", "HF_HOME", "HF_HUB_OFFLINE", "PYTHONUNBUFFERED"}
    assert "/mine" not in plan.environment["PATH"]


def test_without_an_installed_command_there_is_nothing_to_run(tmp_path: Path) -> None:
    with pytest.raises(ServiceError) as caught:
        spec_for(Settings(home=tmp_path), {}, program=tmp_path / "smolwatch")
    assert "pipx install" in caught.value.advice


@pytest.mark.parametrize("name", ["two\nlines", "esc\x1b", "bad\udcff"])
@pytest.mark.parametrize("which", ["home", "inbox"])
def test_a_path_that_cannot_be_written_down_is_refused(tmp_path: Path, program: Path, name: str, which: str) -> None:
    settings = Settings(home=tmp_path / name)
    if which == "inbox":
        settings = Settings(home=tmp_path, inbox=InboxSettings(path=tmp_path / name))
    with pytest.raises(ConfigError):
        spec_for(settings, {}, program=program)


def test_settings_of_the_terminal_are_distinguished_from_the_rest() -> None:
    environ = {"SMOLWATCH_MODEL__DEVICE": "cpu", "SMOLWATCH_HOME": "/x", "HOME": "/y"}
    assert unseen_settings(environ) == ["SMOLWATCH_MODEL__DEVICE"]
    assert ServiceSpec(Path("/p"), Path("/h"), (Path("/i"),), {}).arguments("systemd")[-1] == "systemd"
