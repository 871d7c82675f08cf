from __future__ import annotations

import plistlib
import shutil
import subprocess
from pathlib import Path

import pytest

from daemon.service.launchd import LABEL, error_number, exit_code_in, facts, home_in, is_ours, pid_in, render
from tests.support.checkout import ROOT
from tests.support.service_plans import HOME, PLAN, PROGRAM

LOGS = HOME / "Library" / "Logs" / "smolwatch"
SNAPSHOT = ROOT / "tests" / "data" / "smolwatch.plist"
RUNNING = """\
gui/501/io.github.smolwatch.smolwatch = {
\tactive count = 1
\tpath = /Users/j/Library/LaunchAgents/io.github.smolwatch.smolwatch.plist
\ttype = LaunchAgent
\tstate = running

\targuments = {
\t\t/Users/j/odd {
\t\trun
\t}

\tenvironment = {
\t\tXPC_SERVICE_NAME => io.github.smolwatch.smolwatch
\t}

\tdomain = gui/501 [100003]
\texit timeout = 60
\truns = 1
\tpid = 812
\timmediate reason = speculative
\tlast exit code = (never exited)

\tresource coalition = {
\t\tID = 2048
\t\tstate = active
\t\tpid = 1
\t}

\tspawn type = interactive (4)
\tproperties = keepalive | runatload
}
"""


def rendered(*, background: bool = False) -> bytes:
    return render(PLAN, label=LABEL, logs=LOGS, background=background)


def keys() -> dict[str, object]:
    found: dict[str, object] = plistlib.loads(rendered())
    return found


def test_the_plist_is_as_it_was_when_last_looked_at() -> None:
    assert rendered().decode() == SNAPSHOT.read_text(encoding="utf-8")


def test_every_key_says_what_the_daemon_needs_of_launchd() -> None:
    assert keys() == {
        "Label": LABEL,
        "ProgramArguments": [
            str(PROGRAM),
            "--home",
            str(HOME / "SmolWatch"),
            "run",
            "--launched-by",
            "launchd",
        ],
        "EnvironmentVariables": {
            "PATH": f"{PROGRAM.parent}:/usr/bin:/bin:/usr/sbin:/sbin",
            "HF_HOME": f"{HOME}/.cache/huggingface",
            "HF_HUB_OFFLINE": "1",
            "PYTHONUNBUFFERED": "1",
        },
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": 30,
        "ExitTimeOut": 60,
        "ProcessType": "Interactive",
        "LowPriorityIO": True,
        "MaterializeDatalessFiles": False,
        "Umask": 0o077,
        "StandardOutPath": str(LOGS / "launchd.out.log"),
        "StandardErrorPath": str(LOGS / "launchd.err.log"),
    }


def test_only_a_plist_for_the_users_own_domain_names_a_kind_of_session() -> None:
    assert "LimitLoadToSessionType" not in keys()
    assert plistlib.loads(rendered(background=True))["LimitLoadToSessionType"] == "Background"


@pytest.mark.skipif(shutil.which("plistutil") is None, reason="plistutil (Debian: libplist-utils) is not installed")
def test_another_reader_of_plists_finds_the_same_in_it(tmp_path: Path) -> None:
    written, binary, back = (tmp_path / name for name in ("a.plist", "b.plist", "c.plist"))
    written.write_bytes(rendered())
    for source, target, form in ((written, binary, "bin"), (binary, back, "xml")):
        subprocess.run(["plistutil", "-i", source, "-o", target, "-f", form], check=True)
    assert binary.read_bytes().startswith(b"bplist")
    assert plistlib.loads(back.read_bytes()) == keys()


def test_the_home_is_read_back_and_somebody_elses_file_is_not_ours() -> None:
    assert home_in(rendered()) == HOME / "SmolWatch"
    assert is_ours(rendered(), LABEL)
    other = plistlib.dumps({"Label": "com.example", "ProgramArguments": ["x"]})
    assert not is_ours(other, LABEL)
    assert home_in(other) is None
    assert home_in(b"no plist") is None


def test_what_launchd_prints_is_read_at_its_own_level_only() -> None:
    found = facts(RUNNING)
    assert found["state"] == "running"
    assert pid_in(found) == 812
    assert exit_code_in(found) is None


def test_a_pid_in_an_inner_block_is_not_the_daemons() -> None:
    assert pid_in(facts(RUNNING.replace("\tpid = 812\n", ""))) is None


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("last exit code = 0", 0),
        ("last exit code = 78: EX_CONFIG", 78),
        ("last exit code = (never exited)", None),
        ("last terminating signal = Killed: 9", -9),
        ("last terminating signal = Terminated: 15", -15),
        ("runs = 3", None),
    ],
)
def test_the_last_end_is_known_in_every_form_that_launchd_has_for_it(line: str, code: int | None) -> None:
    found = facts(f"gui/501/x = {{\n\tstate = not running\n\t{line}\n}}")
    assert exit_code_in(found) == code
    assert pid_in(found) is None


def test_output_without_any_of_what_we_know_is_no_error() -> None:
    assert facts("") == facts("Bad request.\n}\n}\n") == {}


def test_the_error_is_the_one_that_launchctl_names_whatever_it_exits_with() -> None:
    assert error_number(1, "Bootstrap failed: 5: Input/output error") == 5
    assert error_number(113, "Could not find service") == 113
