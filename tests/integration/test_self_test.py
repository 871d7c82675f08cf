"""`smolwatch doctor --self-test`: on Linux it passes, what a Mac alone has is not applicable, and nobody is named."""

from __future__ import annotations

import fcntl
import getpass
import json
import os
import re
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from config.load import load_settings, prepare_home
from daemon.doctor.finding import ok
from daemon.doctor.selftest.end_to_end import compared, kept
from daemon.doctor.selftest.filesystem import sidecars, watching
from daemon.doctor.selftest.kernels import judged as judged_kernels
from daemon.doctor.selftest.kernels import kernels
from daemon.doctor.selftest.machine_facts import power, sandbox, syncs
from daemon.doctor.selftest.numerics import judged, numerics
from daemon.doctor.selftest.report import report_on
from daemon.doctor.selftest.scratch_service import services
from daemon.doctor.selftest.trial_result import Result, TrialFailedError, TrialResult, run_trial
from daemon.inference.weights.sources import DEMO
from daemon.power.power_state import PowerSource, PowerState
from tests.fakes.service.user import ServiceUser, service_user
from tests.integration.test_service_real_systemd import APART, PROGRAM, STAGE, can_run, folder, stage_environ
from tests.support.checkout import ROOT

__all__ = ["folder"]  # a fixture

ABSENT = {"linux": {"launchd", "arithmetic on mps"}, "darwin": {"systemd", "arithmetic on cuda"}}
IN_PLACE = """
import itertools, pathlib, sys
for sign in itertools.cycle(b"ab"):
    with open(sys.argv[1], "wb", buffering=0) as file:
        for _ in range(3000):
            file.write(bytes([sign]) * 1000)
"""
#: The self-test where a sandbox takes hold of nothing.
UNLOCKED = """
import sys, pathlib, os
from daemon.doctor.selftest import machine_facts, trial_result
from daemon.media.decoder import probe_sandbox
from daemon.media.decoder.sandbox.lockdown import Sandbox
probe_sandbox.enter_sandbox = lambda: Sandbox(kind="paper")
machine_facts.run_probe = lambda module, folder: probe_sandbox.probe(os.fsencode(folder))
print(trial_result.run_trial("sandbox", lambda: machine_facts.sandbox(pathlib.Path(sys.argv[1]))).text)
"""
LONG = {
    "watching",
    "sidecars",
    "syncs",
    "power",
    "sandbox",
    "kernels on cpu",
    "arithmetic on cpu",
    "captions",
    "memory",
    "a tree is moved in",
    "a burst of files",
    "a second daemon",
    "the worker is killed",
    "the decoder crashes",
    "the end",
}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_it_passes_here_and_what_is_not_here_is_not_applicable(own_home: Path) -> None:
    document = self_tested(own_home)
    results = {trial["name"]: trial["result"] for trial in document["trials"]}
    assert "failed" not in results.values(), document["trials"]
    assert document["exit_code"] == 0
    assert {results[name] for name in LONG} == {"passed"}
    assert {results[name] for name in ABSENT[sys.platform]} == {"not applicable"}
    text = json.dumps(document)
    assert str(own_home) not in text
    assert tempfile.gettempdir() not in text


def self_tested(home: Path) -> dict[str, Any]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("SMOLWATCH_")}
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", "--home", str(home), "doctor", "--self-test", "--json"],
        env=environ | {"PYTHONPATH": str(ROOT), "SMOLWATCH_MODEL__ID": "demo"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.stdout, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_its_short_trials_pass_here(tmp_path: Path) -> None:
    outcomes = [run_trial("watching", partial(watching, tmp_path)), run_trial("sidecars", partial(sidecars, tmp_path))]
    outcomes.append(next(kernels()))
    assert {outcome.name: str(outcome.result) for outcome in outcomes} == {
        "watching": "passed",
        "sidecars": "passed",
        "kernels on cpu": "passed",
    }
    assert "4 rows over 256 keys: fused" in outcomes[2].text
    assert "products in f32: a tile" in outcomes[2].text


def test_the_numerics_of_the_cpu_pass_here() -> None:
    outcome = next(numerics(str(DEMO)))
    assert (outcome.name, outcome.result) == ("arithmetic on cpu", Result.PASSED)


def test_it_measures_every_kind_of_sync_that_the_system_has(tmp_path: Path) -> None:
    assert re.fullmatch(r"fsync [\d,]+ a second", syncs(tmp_path, {"fsync": None, "F_FULLFSYNC": None}))
    refused = fcntl.F_GETFD  # any number that the system knows
    text = syncs(tmp_path, {"fsync": None, "F_BARRIERFSYNC": refused})
    assert re.fullmatch(r"fsync [\d,]+ a second; F_BARRIERFSYNC [\d,]+ a second", text)


def test_it_shows_low_power_mode_as_the_system_has_it() -> None:
    state = PowerState(source=PowerSource.BATTERY, is_saving=True)
    outputs = {("pmset", "-g"): "System-wide power settings:\n powermode            1\n hibernatemode 3\n"}
    text = power(lambda: state, lambda *command: outputs[command])
    assert text == "from battery; Low Power Mode on; hot: false; powermode 1"


def test_a_process_in_the_decoders_sandbox_cannot_harm_the_user(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("private")
    text = sandbox(tmp_path)
    assert text.startswith("sandbox of ")
    assert text.endswith("a decoder cannot list a folder, write a file, open a connection, start a program")
    assert [file.name for file in tmp_path.iterdir()] == ["letter.txt"]


def test_what_a_sandbox_allows_is_a_failure(tmp_path: Path) -> None:
    without = [sys.executable, "-c", UNLOCKED, os.fspath(tmp_path)]
    done = subprocess.run(without, cwd=ROOT, capture_output=True, text=True, timeout=50, check=True)
    assert "a decoder can still list a folder, write a file, open a connection, start a program." in done.stdout


def test_a_kernel_that_is_wrong_fails_with_its_figures() -> None:
    shape = {"name": "9 queries", "fused_ms": 1.0, "plain_ms": 2.0, "off": 0.5}
    products = {"bf16": {"a tile": 1.5}, "f16": {"a tile": 1.25}}
    found = {"dtype": "bf16", "most_off": 0.06, "shapes": [shape], "products": products}
    outcome = run_trial("kernels on mps", partial(judged_kernels, found))
    assert outcome.result is Result.FAILED
    assert "9 queries: fused 1.00 ms, plain 2.00 ms, 50.00% off" in outcome.text
    assert "products in bf16: a tile 1.50 ms; products in f16: a tile 1.25 ms" in outcome.text
    absent = run_trial("kernels on mps", partial(judged_kernels, {"trouble": "no such operator", "shapes": []}))
    assert (absent.result, absent.text) == (Result.FAILED, "no such operator")


def test_a_writer_that_writes_in_place_is_found_out(tmp_path: Path) -> None:
    outcome = run_trial("sidecars", partial(sidecars, tmp_path, [sys.executable, "-c", IN_PLACE]))
    assert outcome.result is Result.FAILED
    assert "torn" in outcome.text


def test_a_worker_may_keep_more_where_new_shapes_are_compiled() -> None:
    assert kept(1_000_000_000, 1_100_000_000, 1_055_000_000, "cpu").endswith("1055 MB after")
    assert kept(1_000_000_000, 1_300_000_000, 1_250_000_000, "mps").endswith("1250 MB after")
    for device, after in (("cpu", 1_061_000_000), ("mps", 1_401_000_000)):
        with pytest.raises(TrialFailedError, match="before 24 files"):
            kept(1_000_000_000, after, after, device)


def test_a_device_that_computes_otherwise_fails_with_its_figures() -> None:
    way = {
        "device": "mps",
        "way": "its own attention",
        "dtype": "torch.bfloat16",
        "off_the_cpu": 1.2,
        "off_alone": 0.01,
    }
    outcome = run_trial("arithmetic on mps", partial(judged, "mps", [way | {"trouble": "its scores are 120% off"}]))
    assert outcome.result is Result.FAILED
    assert "120.00% off the CPU" in outcome.text


def test_a_false_caption_fails_and_is_reported() -> None:
    outcome = run_trial("captions", partial(compared, {"a.png": "A cat."}, {"a.png": "A dog."}))
    assert outcome.result is Result.FAILED
    assert "a.png: 'A cat.' and not 'A dog.'" in outcome.text


def test_the_report_holds_no_names_or_paths_of_the_user(own_home: Path) -> None:
    settings = load_settings(home=own_home, environ={})
    text = f"{settings.inbox_path}/x of {getpass.getuser()}, below {Path.home()}/Pictures and {tempfile.gettempdir()}/y"
    report = report_on([ok("inbox", text)], [TrialResult("sidecars", Result.FAILED, text)], settings)
    assert report.lines[0].text == "INBOX/x of NAME, below ~/Pictures and TMP/y"
    assert report.results[0].text == report.lines[0].text
    assert report.exit_code == 1


@pytest.mark.skipif(not PROGRAM.exists(), reason="smolwatch is not installed as a command here")
def test_a_scratch_agent_is_installed_answers_and_is_removed_again(
    own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with service_user("launchctl") as user:
        live_as(user, monkeypatch)
        settings = load_settings(home=own_home, environ={})
        prepare_home(settings)
        settings.config_file.write_text("[model]\nengine = 'echo'\n")
        outcomes = {outcome.name: outcome for outcome in services(tmp_path, settings, os.environ, platform="darwin")}
        calls = user.calls()
        left = list((user.home / "Library" / "LaunchAgents").iterdir())
    assert outcomes["launchd"].result is Result.PASSED, outcomes["launchd"].text
    assert "installed, ran, answered and was removed" in outcomes["launchd"].text
    assert outcomes["systemd"].result is Result.NOT_APPLICABLE
    assert any(call.startswith("bootstrap") and "self-test" in call for call in calls)
    assert all("self-test" in call for call in calls), "the daemon's own service is left alone"
    assert left == []


def live_as(user: ServiceUser, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "PATH", "PYTHONPATH", "FAKE_SERVICE"):
        monkeypatch.setenv(name, user.environ[name])


PERSON = r"""
dbus-daemon --session --address="$DBUS_SESSION_BUS_ADDRESS" --nofork --nopidfile 2>/dev/null & bus=$!
for _ in $(seq 100); do [ -S "$XDG_RUNTIME_DIR/bus" ] && break; sleep 0.05; done
/lib/systemd/systemd --user >"$XDG_RUNTIME_DIR/log" 2>&1 & manager=$!
for _ in $(seq 100); do systemctl --user show-environment >/dev/null 2>&1 && break; sleep 0.05; done
systemctl --user set-environment PYTHONPATH="$PYTHONPATH"
mkdir -p "$HOME/SmolWatch/config" "$HOME/SmolWatch/inbox" "$HOME/room"
printf '[model]\nengine = "echo"\n' > "$HOME/SmolWatch/config/smolwatch.toml"
drop_in="$HOME/.config/systemd/user/smolwatch-self-test.service.d"
mkdir -p "$drop_in"  # a checkout of root's is closed to nobody
printf '[Service]\nAmbientCapabilities=CAP_DAC_OVERRIDE\n' > "$drop_in/read.conf"
"$PYTHON" -c '
import os, sys
from pathlib import Path
from config.load import load_settings
from daemon.doctor.selftest.scratch_service import services
for outcome in services(Path(sys.argv[1]), load_settings(), os.environ):
    print(outcome.name, outcome.result, outcome.text)
' "$HOME/room"
echo "left: $(ls "$HOME/.config/systemd/user")"
kill $manager $bus; wait
"""


@pytest.mark.skipif(not can_run(), reason="needs root that may mount, systemd, dbus and setpriv")
def test_a_real_systemd_runs_a_scratch_unit_and_forgets_it(folder: Path) -> None:
    environ = stage_environ(folder, PERSON) | {"PYTHON": str(PROGRAM.with_name(Path(sys.executable).name))}
    done = subprocess.run(
        [*APART, "bash", "-c", STAGE], env=environ, cwd="/", capture_output=True, text=True, timeout=55, check=False
    )
    assert "systemd passed installed, ran, answered and was removed" in done.stdout, done.stdout + done.stderr
    assert "launchd not applicable" in done.stdout
    assert "left: smolwatch-self-test.service.d\n" in done.stdout
