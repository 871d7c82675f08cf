"""The doctor finds what is planted, says what to do, and ends with the documented code.

Planted for real in a home, but for what only a Mac, an old library or an empty clock could bring about: that is put
into the facts, before they are judged.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path

import pytest

from config.errors import ConfigError
from daemon.clock import SystemClock
from daemon.doctor.checkup import Facts, findings_of
from daemon.doctor.finding import Severity, exit_code
from daemon.doctor.torch_build import cuda_bytes, reinstall
from daemon.inference.weights.sources import DEMO
from daemon.lock import HomeLock, holder
from daemon.media.decoder.sandbox.lockdown import Sandbox
from daemon.service.start_failure import write_failure
from storage.commands.command_inbox import CommandInbox
from storage.commands.requests import CommandKind
from storage.db.database import open_database
from tests.fakes.service.user import ServiceUser, needs_a_user, service_user
from tests.support.checkout import ROOT
from tests.support.doctor import Patient, amiss
from tests.support.schemas import as_an_older_version
from tests.support.waiting import wait_for

NOBODY = 65534
PROBLEM, WARNING = Severity.PROBLEM, Severity.WARNING

Found = tuple[str, Severity, str, str]


@pytest.fixture
def patient(own_home: Path) -> Patient:
    return Patient(own_home)


@pytest.fixture
def open_to_all() -> Iterator[Patient]:
    """Not below pytest's folder, which is closed to others."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        patient = Patient(Path(folder) / "home")
        patient.lines()  # whatever is to be imported, others might not read
        yield patient


def the_one(patient: Patient, facts: Callable[[Facts], Facts] = lambda seen: seen) -> Found:
    """The only line that is not well; the exit code must fit it."""
    lines = findings_of(facts(patient.facts()))
    (line,) = amiss(lines)
    assert exit_code(lines) == (1 if line.severity is PROBLEM else 0)
    return line.name, line.severity, line.text, line.advice


def says(found: Found, name: str, verdict: Severity, words: str, advice: str) -> None:
    assert found[:2] == (name, verdict)
    assert words in found[2]
    assert advice in found[3]


@contextmanager
def nobody() -> Iterator[None]:
    """As a user without rights, where tests run as root."""
    was_root = os.geteuid() == 0
    if was_root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if was_root:
            os.seteuid(0)


def test_a_healthy_home_is_well_in_every_line(patient: Patient) -> None:
    lines = patient.lines()
    assert amiss(lines) == []
    assert exit_code(lines) == 0
    assert len({line.name for line in lines}) == len(lines) == 23


class TestTheProgram:
    @pytest.mark.parametrize(
        ("system", "translated", "verdict", "words", "advice"),
        [
            (("Darwin", "13.7.1", "arm64"), False, PROBLEM, "macOS 13.7.1", "macOS 14 or newer"),
            (("Darwin", "", "arm64"), False, PROBLEM, "macOS", "macOS 14 or newer"),
            (("Darwin", "15.3", "x86_64"), False, PROBLEM, "Intel processor", "Apple silicon"),
            (("Darwin", "27.0", "arm64"), False, WARNING, "untested", "--self-test"),
            (("FreeBSD", "", "amd64"), False, PROBLEM, "FreeBSD", "macOS or Linux"),
        ],
    )
    def test_a_system_that_its_libraries_are_not_made_for(
        self,
        patient: Patient,
        system: tuple[str, str, str],
        translated: bool,
        verdict: Severity,
        words: str,
        advice: str,
    ) -> None:
        found = the_one(
            patient, lambda seen: replace(seen, program=replace(seen.program, system=system, translated=translated))
        )
        says(found, "system", verdict, words, advice)

    @pytest.mark.parametrize("macos", ["14.0", "15.7.1", "26.5.2"])
    def test_a_mac_that_they_are_made_for_is_well(self, patient: Patient, macos: str) -> None:
        facts = patient.facts()
        lines = findings_of(replace(facts, program=replace(facts.program, system=("Darwin", macos, "arm64"))))
        assert amiss(lines) == []
        assert f"macOS {macos} on Apple silicon" in [line.text for line in lines]

    def test_a_python_for_intel_on_apple_silicon_is_reported_once(self, patient: Patient) -> None:
        system = ("Darwin", "15.3", "x86_64")
        found = the_one(
            patient, lambda seen: replace(seen, program=replace(seen.program, system=system, translated=True))
        )
        says(found, "python", PROBLEM, "an Intel build that is translated", "arm64")

    def test_1_a_python_of_another_age(self, patient: Patient) -> None:
        found = the_one(patient, lambda seen: replace(seen, program=replace(seen.program, python=(3, 10, 2))))
        says(found, "python", PROBLEM, "Python 3.10.2", "3.11 to 3.14")

    def test_2_another_distribution_that_brings_a_package_of_our_name(
        self, patient: Patient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        info = tmp_path / "site" / "storage_thing-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: storage-thing\nVersion: 1.0\n")
        (info / "top_level.txt").write_text("storage\n")
        monkeypatch.syspath_prepend(str(info.parent))
        says(the_one(patient), "packages", PROBLEM, "storage of storage-thing", "an environment of its own")

    def test_3_a_package_that_is_found_somewhere_else(self, patient: Patient) -> None:
        found = the_one(
            patient,
            lambda seen: replace(
                seen, program=replace(seen.program, folders={**seen.program.folders, "cli": Path("/elsewhere")})
            ),
        )
        says(found, "packages", PROBLEM, "cli is imported from /elsewhere", "an environment of its own")

    def test_4_a_sqlite_that_may_damage_a_database(self, patient: Patient) -> None:
        found = the_one(patient, lambda seen: replace(seen, program=replace(seen.program, sqlite=(3, 40, 1))))
        says(found, "sqlite", WARNING, "SQLite 3.40.1", "3.51.3 or newer")


class TestTheHome:
    def test_5_a_recipe_that_does_not_exist_and_recipes_that_are_wrong(self, patient: Patient) -> None:
        patient.choose("recipe = 'breif'\n[model]\nid = 'demo'\n")
        says(the_one(patient), "recipe", PROBLEM, "Did you mean brief?", "smolwatch recipes")
        patient.choose("[model]\nid = 'demo'\n")
        (patient.home / "config" / "recipes.toml").write_text("[mine]\nversion = 0\n")
        says(the_one(patient), "recipe", PROBLEM, "line 2: mine.version: should be greater", "smolwatch recipes")

    def test_5_settings_that_are_wrong(self, patient: Patient) -> None:
        patient.choose("[model]\nid = 'demo'\ndevise = 'cpu'\n")
        lines = {line.name: line for line in patient.lines()}
        assert lines["settings"].severity is PROBLEM
        assert "did you mean model.device?" in lines["settings"].text
        assert "smolwatch.toml" in lines["settings"].advice
        assert exit_code(lines.values()) == 1

    def test_5_a_variable_that_is_nearly_a_setting(self, patient: Patient) -> None:
        patient.environ["SMOLWATCH_INBOX_PATH"] = "/pictures"
        meant = "Did you mean SMOLWATCH_INBOX__PATH?"
        says(the_one(patient), "settings", WARNING, "SMOLWATCH_INBOX_PATH is not a setting and is ignored", meant)

    def test_6_a_damaged_database(self, patient: Patient) -> None:
        file = patient.settings.database_file
        file.write_bytes(file.read_bytes()[:4096] + b"\x99" * 9000)
        says(the_one(patient), "database", PROBLEM, "damaged", "put a backup in its place")

    def test_7_what_is_no_database(self, patient: Patient) -> None:
        patient.settings.database_file.write_bytes(b"a letter to my aunt" * 100)
        says(the_one(patient), "database", PROBLEM, "is not a database", "put a backup in its place")

    def test_8_a_database_of_a_newer_version(self, patient: Patient) -> None:
        with closing(sqlite3.connect(patient.settings.database_file)) as connection, connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
        says(the_one(patient), "database", PROBLEM, "has schema 9999", "Upgrade smolwatch")

    def test_9_a_database_of_an_older_version(self, patient: Patient, tmp_path: Path) -> None:
        file = patient.settings.database_file
        as_an_older_version(Path(shutil.move(file, tmp_path / "today.db")), file, "0001")
        says(the_one(patient), "database", WARNING, "older schema 0001", "after making a backup")

    def test_10_a_database_of_another_program(self, patient: Patient) -> None:
        patient.settings.database_file.unlink()
        with closing(sqlite3.connect(patient.settings.database_file)) as connection, connection:
            connection.execute("CREATE TABLE recipes (name TEXT)")
        says(the_one(patient), "database", PROBLEM, "not one of smolwatch", "put a backup in its place")

    def test_10_a_database_on_a_server_that_is_away(self, patient: Patient) -> None:
        patient.choose("[model]\nid = 'demo'\n[database]\nurl = 'postgresql://ann@127.0.0.1:1/smolwatch'\n")
        says(the_one(patient), "database", WARNING, "cannot be reached", "Check the server")

    def test_11_too_little_room(self, patient: Patient) -> None:
        patient.choose(f"[model]\nid = 'demo'\n[work]\nkeep_free_bytes = {10**18}\n")
        says(the_one(patient), "room", PROBLEM, "GB free", "Make room")

    def test_12_a_file_where_the_log_folder_should_be(self, patient: Patient) -> None:
        patient.settings.log_folder.rmdir()
        patient.settings.log_folder.write_text("a diary")
        says(the_one(patient), "logs", PROBLEM, "cannot be written", "sudo chown")

    def test_13_a_home_that_belongs_to_somebody_else(self, open_to_all: Patient) -> None:
        (open_to_all.home / "data").chmod(0o500)
        with nobody():
            closed = {line.name: line for line in amiss(open_to_all.lines())}
        (open_to_all.home / "data").chmod(0o700)
        assert closed["home"].severity is PROBLEM
        assert "sudo chown" in closed["home"].advice

    def test_14_a_clock_without_a_battery(self, patient: Patient) -> None:
        patient.now = datetime(1970, 1, 1, tzinfo=UTC)
        lines = {line.name: line for line in amiss(patient.lines())}
        assert lines["clock"].severity is PROBLEM
        assert "Set the clock" in lines["clock"].advice

    def test_15_a_clock_that_was_set_back(self, patient: Patient) -> None:
        week = patient.now.timestamp() + 7 * 86400
        os.utime(patient.settings.database_file, (week, week))
        says(the_one(patient), "clock", WARNING, "holds a file of", "Set the clock")

    def test_16_a_home_on_a_network_disk(self, patient: Patient) -> None:
        found = the_one(patient, lambda seen: replace(seen, home=replace(seen.home, network="nfs4")))
        says(found, "home", PROBLEM, "network disk (nfs4)", "local disk")


class TestTheInbox:
    def test_17_an_inbox_whose_disk_is_away(self, patient: Patient, tmp_path: Path) -> None:
        patient.choose(f"[model]\nid = 'demo'\n[inbox]\npath = '{tmp_path}/away'\n")
        says(the_one(patient), "inbox", PROBLEM, "is not there", "Connect its disk")

    def test_18_an_inbox_that_its_permissions_close(self, open_to_all: Patient) -> None:
        open_to_all.inbox.chmod(0o700 if os.geteuid() == 0 else 0)
        with nobody():
            lines = {line.name: line for line in amiss(open_to_all.lines())}
        open_to_all.inbox.chmod(0o700)
        assert lines["inbox"].severity is PROBLEM
        assert "permissions" in lines["inbox"].text
        assert "Check the permissions" in lines["inbox"].advice

    def test_19_an_inbox_that_macos_closes(self, patient: Patient) -> None:
        refused = PermissionError(1, "Operation not permitted")

        def close(seen: Facts) -> Facts:
            return replace(seen, inboxes=(replace(seen.inboxes[0], access_error=refused),))

        found = the_one(patient, close)
        says(found, "inbox", PROBLEM, "its privacy settings", "Privacy & Security > Files and Folders")

    def test_20_files_that_are_in_the_cloud_only(self, patient: Patient) -> None:
        (patient.inbox / ".IMG_0001.HEIC.icloud").write_bytes(b"bplist00")
        says(the_one(patient), "cloud", WARNING, "1 file of the inbox is only in iCloud", "Keep Downloaded")

    def test_21_files_from_the_future(self, patient: Patient) -> None:
        os.utime(patient.inbox / "beach.jpg", (4e9, 4e9))
        says(the_one(patient), "times", WARNING, "1 file has a modification date in the future", "clock")

    def test_22_an_inbox_that_is_listed_and_not_watched(self, patient: Patient) -> None:
        patient.choose("[model]\nid = 'demo'\n[inbox]\nobserver = 'poll'\n")
        says(the_one(patient), "watching", WARNING, "listed every few seconds", "No action is needed")

    def test_23_no_watches_left(self, patient: Patient) -> None:
        limited = ("unshare", "--user", "--map-root-user", "sh", "-c")
        script = 'echo 0 > /proc/sys/user/max_inotify_instances && exec "$@"'
        done = subprocess.run(
            [*limited, script, "sh", *doctor(patient.home), "--json"],
            env=environment(SMOLWATCH_MODEL__ENGINE="echo"),
            capture_output=True,
            timeout=50,
            check=False,
        )
        if not done.stdout:
            pytest.skip("this system makes no user namespaces")
        lines = {line["name"]: line for line in json.loads(done.stdout)["lines"]}
        assert lines["watching"]["verdict"] == "warning"
        assert "fs.inotify.max_user_watches" in lines["watching"]["words"]


class TestWhatDescribingRestsOn:
    def test_24_weights_that_are_not_here(self, patient: Patient) -> None:
        patient.choose("[model]\nid = 'somebody/unheard-of'\n")
        says(the_one(patient), "model", PROBLEM, "not on this machine", "smolwatch model pull")

    def test_25_weights_that_are_cut_off(self, patient: Patient, tmp_path: Path) -> None:
        folder = shutil.copytree(DEMO, tmp_path / "copied")
        weights = folder / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-1])
        patient.choose(f"[model]\nid = '{folder}'\n")
        says(the_one(patient), "model", PROBLEM, "model.safetensors", "again")

    def test_25_a_model_that_answers_without_looking(self, patient: Patient) -> None:
        text = "It answers without looking."
        found = the_one(patient, lambda seen: replace(seen, running=replace(seen.running, pid=7, model_problem=text)))
        says(found, "daemon", WARNING, f"a model that is not trusted. {text}", "Choose another model")

    def test_26_a_decoder_without_a_sandbox(self, patient: Patient) -> None:
        patient.runtime = {"sandbox": Sandbox(kind="none", reason="landlock: Function not implemented")}
        says(the_one(patient), "decoder", WARNING, "Function not implemented", "only with files that you trust")

    @pytest.mark.parametrize(
        ("gpu", "built", "advice"),
        [("NVIDIA", False, "CUDA build"), ("Apple", False, "arm64"), ("Apple", True, "macOS 14")],
    )
    def test_27_a_gpu_that_is_not_used(self, patient: Patient, gpu: str, built: bool, advice: str) -> None:
        device = patient.facts().runtime.device
        assert isinstance(device, dict)
        patient.runtime = {"gpu": gpu, "device": {**device, "mps_built": built}}
        says(the_one(patient), "device", WARNING, f"the {gpu} GPU is not used", advice)

    def test_27_a_cuda_build_without_an_nvidia_gpu(self, patient: Patient) -> None:
        device = patient.facts().runtime.device
        assert isinstance(device, dict)
        patient.runtime = {"device": {**device, "torch": "2.13.0+cu130"}, "cuda_bytes": 4_300_000_000}
        words = "PyTorch 2.13.0+cu130 is the CUDA build, but there is no NVIDIA GPU: 4.3 GB of libraries are unused"
        says(the_one(patient), "torch", WARNING, words, "--extra-index-url https://download.pytorch.org/whl/cpu .")

    @pytest.mark.parametrize("found", [{"gpu": "NVIDIA"}, {"cuda": True}])
    def test_27_a_cuda_build_with_one_is_well(self, patient: Patient, found: dict[str, object]) -> None:
        device = patient.facts().runtime.device
        assert isinstance(device, dict)
        cuda = {**device, "torch": "2.13.0+cu130", "cuda": True, "device": "cuda", "name": "NVIDIA", **found}
        patient.runtime = {"device": cuda, "gpu": found.get("gpu", "")}
        assert amiss(patient.lines()) == []


@pytest.mark.parametrize(
    ("prefix", "command"),
    [
        ("/home/ann/.local/share/pipx/venvs/smolwatch", "pipx uninstall smolwatch && pipx install --pip-args="),
        ("/home/ann/.local/share/uv/tools/smolwatch", "uv tool install --torch-backend cpu ."),
        ("/home/ann/smolwatch/.venv", "remove /home/ann/smolwatch/.venv"),
    ],
)
def test_the_cpu_build_is_installed_with_what_installed_the_other(prefix: str, command: str) -> None:
    assert command in reinstall(Path(prefix))


def test_the_size_of_cuda_is_that_of_its_own_libraries(tmp_path: Path) -> None:
    for name, size in (("nvidia-cublas", 3_000), ("triton", 200), ("torch", 10)):
        info = tmp_path / f"{name.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "RECORD").write_text(f"lib.so,sha256=x,{size}\nRECORD,,\n")
        (tmp_path / "lib.so").touch()
    assert cuda_bytes(distributions(path=[str(tmp_path)])) == 3_200


class TestWhatRuns:
    def test_28_a_second_home_with_the_same_inbox(self, patient: Patient, tmp_path: Path) -> None:
        environ = environment(SMOLWATCH_INBOX__PATH=str(patient.inbox), SMOLWATCH_MODEL__ENGINE="echo")
        rival = subprocess.Popen([sys.executable, "-m", "cli.main", "--home", tmp_path / "second", "run"], env=environ)
        try:
            wait_for(lambda: holder(tmp_path / "second" / "data" / "smolwatch.lock") == rival.pid)
            found = the_one(patient)
        finally:
            rival.send_signal(signal.SIGTERM)
            rival.wait(20)
        says(found, "daemon", PROBLEM, f"(process {rival.pid})", "an inbox of its own")

    def test_29_a_start_that_was_refused(self, patient: Patient) -> None:
        write_failure(
            patient.home, ConfigError("The configuration is not valid.", advice="Mend it."), "2026-11-24T09:00:00Z"
        )
        says(the_one(patient), "daemon", PROBLEM, "The configuration is not valid.", "Mend it.")

    def test_work_that_is_paused(self, patient: Patient) -> None:
        with closing(open_database(patient.settings.database_place)) as database:
            CommandInbox(database, SystemClock().now).change_jobs(CommandKind.PAUSE)
        says(the_one(patient), "daemon", WARNING, "work is paused since 2", "smolwatch resume")
        running = replace(patient.facts().running, pid=os.getpid())
        found = the_one(patient, lambda seen: replace(seen, running=running))
        says(found, "daemon", WARNING, "begins no files: work is paused since 2", "smolwatch resume")

    def test_30_a_daemon_in_trouble(self, patient: Patient) -> None:
        with HomeLock(patient.settings.lock_file) as lock:
            lock.note("Disk full: 0 MB are free.")
            says(the_one(patient), "daemon", PROBLEM, "Disk full", "smolwatch status")

    def test_31_a_lock_of_somebody_else(self, patient: Patient) -> None:
        facts = patient.facts()
        running = replace(facts.running, unreadable_lock="smolwatch.lock: Permission denied")
        says(the_one(patient, lambda seen: replace(seen, running=running)), "daemon", PROBLEM, "lock", "sudo chown")

    def test_32_another_smolwatch_first_on_the_path(self, patient: Patient, tmp_path: Path) -> None:
        if not Path(sys.executable).with_name("smolwatch").exists():
            pytest.skip("smolwatch is not installed as a command here")
        other = tmp_path / "smolwatch"
        other.write_text("#!/bin/sh\n")
        other.chmod(0o755)
        patient.environ["PATH"] = str(tmp_path)
        says(the_one(patient), "context", WARNING, f"comes first on PATH: {other}", "Remove one of the two")


@needs_a_user
class TestTheService:
    @pytest.fixture
    def owner(self) -> Iterator[ServiceUser]:
        """Somebody whose service runs, by a fake launchctl."""
        with service_user("launchctl") as user:
            user.run_ok("service", "install")
            (user.smolwatch_home / "config" / "smolwatch.toml").write_text("[model]\nengine = 'echo'\n")
            yield user

    def line(self, owner: ServiceUser) -> dict[str, str]:
        lines: list[dict[str, str]] = json.loads(owner.run("doctor", "--json").stdout)["lines"]
        return next(line for line in lines if line["name"] == "service")

    def test_one_that_runs_is_well(self, owner: ServiceUser) -> None:
        assert self.line(owner) == {"name": "service", "verdict": "ok", "words": "running, by launchd"}

    def test_33_one_of_an_older_version(self, owner: ServiceUser) -> None:
        owner.plist.write_bytes(owner.plist.read_bytes().replace(b"<integer>30</integer>", b"<integer>31</integer>"))
        line = self.line(owner)
        assert line["verdict"] == "warning"
        assert "smolwatch service install" in line["advice"]

    def test_34_one_whose_program_is_gone(self, owner: ServiceUser) -> None:
        program = str(Path(sys.executable).with_name("smolwatch")).encode()
        owner.plist.write_bytes(owner.plist.read_bytes().replace(program, b"/gone/bin/smolwatch"))
        line = self.line(owner)
        assert line["verdict"] == "problem"
        assert "/gone/bin/smolwatch" in line["words"]
        assert "smolwatch service install" in line["advice"]


def doctor(home: Path) -> list[str]:
    return [sys.executable, "-m", "cli.main", "--home", str(home), "doctor"]


def environment(**more: str) -> dict[str, str]:
    mine = {name: value for name, value in os.environ.items() if not name.startswith("SMOLWATCH_")}
    return mine | {"PYTHONPATH": str(ROOT)} | more


def typed(home: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [*doctor(home), *arguments]
    return subprocess.run(command, env=environment(**environ), capture_output=True, text=True, timeout=50, check=False)


class TestTheCommand:
    def test_a_sound_home_ends_with_0(self, patient: Patient) -> None:
        done = typed(patient.home)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stderr == ""
        assert "problem" not in done.stdout

    def test_broken_libraries_are_lines_and_the_code_is_1(self, patient: Patient, tmp_path: Path) -> None:
        for name in ("torch", "av"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "__init__.py").write_text(f"raise ImportError('lib{name}.so: no such file')")
        done = typed(patient.home, "--json", PYTHONPATH=f"{ROOT}{os.pathsep}{tmp_path}")
        assert done.returncode == 1
        document = json.loads(done.stdout)
        assert document["exit_code"] == 1
        lines = {line["name"]: line for line in document["lines"]}
        for name, library in (("device", "libtorch.so"), ("codecs", "libav.so")):
            assert lines[name]["verdict"] == "problem"
            assert library in lines[name]["words"]
            assert "Reinstall smolwatch" in lines[name]["advice"]
        assert lines["decoder"]["verdict"] == "problem"

    def test_a_device_that_this_machine_lacks_is_named(self, patient: Patient) -> None:
        done = typed(patient.home, SMOLWATCH_MODEL__DEVICE="mps" if sys.platform != "darwin" else "cuda")
        assert done.returncode == 1
        assert "Set model.device to auto." in done.stdout
