from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.errors import SmolwatchError
from config.settings import Settings
from daemon.child_process import ChildDaemon
from daemon.lock import holder

ECHO = {"SMOLWATCH_MODEL__ENGINE": "echo"}


@pytest.fixture
def child(settings: Settings, tmp_path: Path) -> Iterator[ChildDaemon]:
    child = ChildDaemon(settings, environ={**os.environ, **ECHO}, output=tmp_path / "output")
    yield child
    child.kill()


def test_a_started_daemon_holds_its_home_until_it_is_stopped(child: ChildDaemon, settings: Settings) -> None:
    child.start()
    assert holder(settings.lock_file) == child.pid
    child.check_alive()
    assert child.stop(20) == 0
    assert holder(settings.lock_file) is None
    with pytest.raises(SmolwatchError, match=r"The daemon ended \(exit code 0\)"):
        child.check_alive()


def test_a_daemon_that_cannot_start_is_an_error_with_its_exit_code_its_output_and_its_log(
    settings: Settings, tmp_path: Path
) -> None:
    child = ChildDaemon(settings, "--no-such-option", environ=os.environ, output=tmp_path / "output")
    with pytest.raises(SmolwatchError, match=r"(?s)The daemon ended \(exit code 2\)\. .*no-such-option") as caught:
        child.start()
    assert caught.value.advice == f"Its log: {settings.log_folder / 'smolwatch.log'}"


def test_a_daemon_that_was_never_started_has_no_pid_and_nothing_to_stop(child: ChildDaemon) -> None:
    with pytest.raises(SmolwatchError, match="is not running"):
        _ = child.pid
    child.kill()


def test_a_killed_daemon_frees_its_home(child: ChildDaemon, settings: Settings) -> None:
    child.start()
    child.kill()
    assert holder(settings.lock_file) is None
