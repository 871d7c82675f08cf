from __future__ import annotations

import errno
import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from cli.main import COMMANDS, Commands, smolwatch
from config.errors import (
    AlreadyRunningError,
    ConfigError,
    DaemonNotRunningError,
    ModelUnavailableError,
    NotFoundError,
    PermissionDeniedError,
    SmolwatchError,
)
from daemon.errors import EngineError, UnreadableError
from storage.errors import DiskFullError, StorageError
from tests.unit.cli.conftest import CliHome

MODEL_COMMANDS = ("pull", "list", "random")


class Failing(Commands):
    """The real group around one command that raises what it is given, or returns it."""

    def __init__(self, outcome: BaseException | int | None) -> None:
        super().__init__("smolwatch", params=smolwatch.params, callback=smolwatch.callback)
        self.outcome = outcome

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        def act() -> int | None:
            if isinstance(self.outcome, BaseException):
                raise self.outcome
            return self.outcome

        return click.Command(cmd_name, callback=act)


def outcome(of: BaseException | int | None, *options: str) -> Result:
    return CliRunner().invoke(Failing(of), [*options, "act"], catch_exceptions=False)


@pytest.mark.parametrize("command", [*((name,) for name in COMMANDS), *(("model", name) for name in MODEL_COMMANDS)])
def test_every_command_has_help(command: tuple[str, ...]) -> None:
    result = CliRunner().invoke(smolwatch, [*command, "--help"], catch_exceptions=False)
    assert result.exit_code == 0
    assert result.stdout.startswith("Usage:")
    assert "Show this message and exit." in result.stdout
    described = result.stdout.split("\n\n")[1]
    assert len(described.strip()) > 20, "the second paragraph says what the command does"


def test_the_list_of_commands_says_what_each_does() -> None:
    result = CliRunner().invoke(smolwatch, ["--help"], catch_exceptions=False)
    lines = {line.split()[0]: line for line in result.stdout.splitlines() if line.startswith("  ")}
    for name in COMMANDS:
        assert len(lines[name].split()) > 2, f"{name} has a short help"


def test_an_unknown_command_is_wrong_usage() -> None:
    assert CliRunner().invoke(smolwatch, ["paint"]).exit_code == 2


@pytest.mark.parametrize(
    ("typed", "near"), [("staus", "status"), ("lst", "ls"), ("doktor", "doctor"), ("rerty", "retry")]
)
def test_a_near_command_is_suggested(typed: str, near: str) -> None:
    result = CliRunner().invoke(smolwatch, [typed])
    assert result.exit_code == 2
    assert f"No such command '{typed}'." in result.stderr
    assert "Did you mean" in result.stderr and f"'{near}'" in result.stderr


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SmolwatchError("x"), 1),
        (UnreadableError(), 1),
        (EngineError(), 1),
        (NotFoundError(), 3),
        (DaemonNotRunningError(), 4),
        (PermissionDeniedError(), 5),
        (ModelUnavailableError(), 6),
        (AlreadyRunningError(), 75),
        (ConfigError(), 78),
        (StorageError(), 78),
        (DiskFullError(), 1),
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
        (PermissionError(13, "Permission denied", "/etc/secret"), 5),
        (click.UsageError("so not"), 2),
        (ZeroDivisionError(), 1),
        (None, 0),
        (4, 4),
    ],
)
def test_every_failure_has_its_exit_code(error: BaseException | int | None, code: int) -> None:
    assert outcome(error).exit_code == code


def test_an_error_is_one_line_and_one_of_advice_on_stderr() -> None:
    result = outcome(ModelUnavailableError("There are no weights here."))
    assert result.stdout == ""
    assert result.stderr == "smolwatch: There are no weights here.\n  Fetch them with: smolwatch model pull\n"


def test_an_error_names_no_more_than_safe_text() -> None:
    result = outcome(NotFoundError("No job for \x1b[31mred\u202e."))
    assert "\x1b" not in result.stderr
    assert "\u202e" not in result.stderr
    assert r"\x1b[31mred\u202e" in result.stderr


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (PermissionError(errno.EACCES, "Permission denied", b"/etc/\xff\n"), r"Permission denied: /etc/\xff\x0a"),
        (PermissionError(errno.EPERM, "Operation not permitted"), "Permission denied."),
        (OSError(errno.ENOSPC, "No space left on device", "/mnt/a.db"), "The disk of /mnt/a.db is full."),
        (
            OSError(errno.EIO, "Input/output error", b"/mnt/a"),
            "unexpected error: OSError: [Errno 5] Input/output error: '/mnt/a'",
        ),
    ],
)
def test_what_the_system_refuses_is_a_sentence_with_the_path_as_text(error: OSError, sentence: str) -> None:
    assert outcome(error).stderr.splitlines()[0] == f"smolwatch: {sentence}"


def test_an_unexpected_error_points_to_the_log_and_hides_the_traceback(tmp_path: Path) -> None:
    result = outcome(ZeroDivisionError("by nought"), "--home", str(tmp_path))
    assert "ZeroDivisionError: by nought" in result.stderr
    assert str(tmp_path / "logs" / "smolwatch.log") in result.stderr
    assert "Traceback" not in result.stderr


def test_debugging_shows_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMOLWATCH_DEBUG", "1")
    assert "Traceback" in outcome(ZeroDivisionError("by nought")).stderr
    assert "Traceback" in outcome(NotFoundError()).stderr


def test_a_wrong_setting_ends_with_its_name_and_78(home: CliHome) -> None:
    home.settings.config_file.write_text("[model]\ndevise = 'cpu'\n")
    result = home.invoke("ls")
    assert result.exit_code == 78
    assert "model.devise" in result.stderr
    assert result.stdout == ""


def test_a_variable_that_is_nearly_a_setting_is_named_once_on_stderr(
    home: CliHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.queue()
    monkeypatch.setenv("SMOLWATCH_INBOX_PATH", "/pictures")
    result = home.invoke("ls", "--json")
    assert result.exit_code == 0
    assert len(json.loads(result.stdout)) == 1
    assert result.stderr == (
        "smolwatch: SMOLWATCH_INBOX_PATH is not a setting and is ignored; did you mean SMOLWATCH_INBOX__PATH?\n"
    )


def test_an_empty_home_is_wrong_usage_and_not_the_current_folder() -> None:
    result = CliRunner().invoke(smolwatch, ["--home", "", "ls"], catch_exceptions=False)
    assert result.exit_code == 2
    assert "The name is empty" in result.stderr


def test_the_version_is_shown_installed_or_not() -> None:
    result = CliRunner().invoke(smolwatch, ["--version"], catch_exceptions=False)
    assert result.exit_code == 0
    assert result.stdout.startswith("smolwatch")
