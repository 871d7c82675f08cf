from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import ConfigError
from daemon.service.systemd import UNIT, exit_code_in, facts, home_in, is_ours, pid_in, quoted, render, unquoted
from tests.support.checkout import ROOT
from tests.support.service_plans import HOME, PLAN

SNAPSHOT = ROOT / "tests" / "data" / "smolwatch.service"


def lines() -> list[str]:
    return render(PLAN).decode().splitlines()


def test_the_unit_is_as_it_was_when_last_looked_at() -> None:
    assert render(PLAN).decode() == SNAPSHOT.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "line",
    [
        "Type=exec",
        "Restart=on-failure",
        "RestartSec=30",
        "RestartPreventExitStatus=75 78",
        "OOMPolicy=continue",
        "KillMode=mixed",
        "TimeoutStopSec=20",
        "UMask=0077",
        "Nice=19",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "WantedBy=default.target",
    ],
)
def test_the_unit_says_what_the_daemon_needs_of_systemd(line: str) -> None:
    assert line in lines()


@pytest.mark.parametrize("sign", ["'", '"', "\\"])
def test_a_program_that_systemd_would_not_run_is_refused(sign: str) -> None:
    with pytest.raises(ConfigError):
        render(replace(PLAN, program=Path(f"/o{sign}neil/bin/smolwatch")))


def test_only_home_inbox_and_temporary_files_may_be_written() -> None:
    (line,) = (line for line in lines() if line.startswith("ReadWritePaths="))
    assert line.count('"-/') == 3
    assert "Eingang" in line


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze (Debian: systemd) is missing")
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    folder = tmp_path / "Jörg Müller %h $HOME"
    folder.mkdir()
    program = folder / "smolwatch"
    program.symlink_to("/bin/true")
    unit = tmp_path / UNIT
    unit.write_bytes(render(replace(PLAN, program=program)))
    environ = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--user", unit], env=environ, capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stderr) == (0, "")
    unit.write_bytes(unit.read_bytes().replace(b"Nice=19", b"Nice=polite"))
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--user", unit], env=environ, capture_output=True, text=True, check=False
    )
    assert "polite" in checked.stderr


def test_the_home_is_read_back_and_somebody_elses_unit_is_not_ours() -> None:
    assert home_in(render(PLAN)) == HOME / "SmolWatch"
    assert is_ours(render(PLAN))
    assert not is_ours(b"[Service]\nExecStart=/usr/bin/other\n")
    assert home_in(b"[Service]\n") is None


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"])))
def test_whatever_is_quoted_is_read_back(word: str) -> None:
    assert unquoted(quoted(word)) == word


@pytest.mark.parametrize(
    ("shown", "pid", "code"),
    [
        ("MainPID=812\nExecMainCode=0\nExecMainStatus=0", 812, None),
        ("MainPID=0\nExecMainCode=1\nExecMainStatus=78", None, 78),
        ("MainPID=0\nExecMainCode=1\nExecMainStatus=0", None, 0),
        ("MainPID=0\nExecMainCode=2\nExecMainStatus=9", None, -9),
        ("MainPID=0\nExecMainCode=3\nExecMainStatus=11", None, -11),
        ("", None, None),
    ],
)
def test_process_and_last_end_are_read_from_what_systemd_shows(shown: str, pid: int | None, code: int | None) -> None:
    assert (pid_in(facts(shown)), exit_code_in(facts(shown))) == (pid, code)
