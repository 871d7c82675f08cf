from __future__ import annotations

import pytest

from daemon.lock import HomeLock
from daemon.service.start_failure import read_failure
from tests.unit.cli.conftest import CliHome


def break_settings(home: CliHome) -> None:
    home.settings.config_file.write_text('[model]\nengine = "nonsense"\n')


@pytest.mark.parametrize(("launcher", "code"), [("launchd", 0), ("systemd", 78)])
def test_a_permanent_error_is_final_for_the_launcher_and_its_reason_kept(
    home: CliHome, launcher: str, code: int
) -> None:
    break_settings(home)
    result = home.invoke("run", "--launched-by", launcher)
    assert result.exit_code == code
    assert "model.engine" in result.stderr
    found = read_failure(home.settings.home)
    assert found is not None
    assert (found.exit_code, "model.engine" in found.reason) == (78, True)


def test_in_a_terminal_a_wrong_setting_is_an_error_and_leaves_nothing(home: CliHome) -> None:
    break_settings(home)
    assert home.invoke("run").exit_code == 78
    assert read_failure(home.settings.home) is None


def test_a_second_daemon_under_launchd_ends_with_0_and_names_the_first(home: CliHome) -> None:
    with HomeLock(home.settings.lock_file):
        result = home.invoke("run", "--launched-by", "launchd")
    assert result.exit_code == 0
    assert "is already running" in result.stderr
    found = read_failure(home.settings.home)
    assert found is not None
    assert found.exit_code == 75


def test_a_home_that_cannot_be_written_still_has_its_reason_in_the_launchers_log(home: CliHome) -> None:
    break_settings(home)
    (home.settings.home / "data" / "refusal.json").mkdir()
    result = home.invoke("run", "--launched-by", "launchd")
    assert result.exit_code == 0
    assert "model.engine" in result.stderr


def test_a_model_that_cannot_be_ends_once_with_6_before_the_daemon_starts(home: CliHome) -> None:
    result = home.invoke("run", "--once", "--model", "demoo")
    assert result.exit_code == 6
    assert result.stderr.startswith('smolwatch: There is no model "demoo". Did you mean demo?\n  Give "demo"')
    assert not home.settings.database_file.exists()
