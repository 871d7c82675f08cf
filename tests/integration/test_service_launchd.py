"""`smolwatch service` against a launchctl that behaves like the real one, through the real command line."""

from __future__ import annotations

import json
import os
import plistlib
import shutil
from collections.abc import Iterator

import pytest

from daemon.lock import HomeLock
from tests.fakes.service import job
from tests.fakes.service.person import ROOT, Person, needs_a_person, somebody
from tests.support.waiting import wait_for

pytestmark = needs_a_person

BROUGHT_UP = ["enable gui/UID/LABEL", "bootstrap gui/UID PLIST"]


@pytest.fixture
def person() -> Iterator[Person]:
    with somebody("launchctl") as person:
        yield person


@pytest.fixture
def owner(person: Person) -> Person:
    """Somebody whose service runs."""
    person.does("service", "install")
    person.calls()
    return person


def test_installing_writes_the_plist_enables_and_bootstraps_it_and_the_daemon_runs(person: Person) -> None:
    said = person.does("service", "install")
    assert person.calls() == BROUGHT_UP
    told = person.sees()
    assert f"Running, process {told['pid']}" in said
    assert told == {
        "name": "io.github.smolwatch.smolwatch",
        "status": "running",
        "user": told["user"],
        "file": str(person.plist),
        "launcher": "launchd",
        "pid": told["pid"],
        "home": str(person.smolwatch_home),
        "domain": told["domain"],
        "detail": "running",
    }
    assert told["domain"].startswith("gui/")
    assert person.plist.read_text() == person.does("service", "plist")


def test_installing_again_is_an_upgrade_the_old_daemon_ends_first_and_the_new_plist_holds(owner: Person) -> None:
    older = owner.sees()["pid"]
    stale = owner.plist.read_bytes().replace(b"<integer>30</integer>", b"<integer>31</integer>")
    owner.plist.write_bytes(stale)
    owner.does("service", "install")
    assert owner.calls() == ["bootout gui/UID/LABEL", *BROUGHT_UP]
    assert owner.sees()["pid"] != older
    assert plistlib.loads(owner.plist.read_bytes())["ThrottleInterval"] == 30


def test_a_job_that_leaves_slowly_is_waited_for(owner: Person) -> None:
    owner.mood("slow-bootout", "3")
    owner.does("service", "install")
    assert owner.calls() == ["bootout gui/UID/LABEL", *BROUGHT_UP]
    assert owner.sees()["status"] == "running"


@pytest.mark.parametrize("errno", [5, 37])
def test_an_old_job_in_the_way_is_booted_out_and_bootstrap_tried_again(person: Person, errno: int) -> None:
    person.mood("bootstrap-errors", f"{errno}\n{errno}")
    person.does("service", "install")
    again = ["bootout gui/UID/LABEL", "bootstrap gui/UID PLIST"]
    assert person.calls() == [*BROUGHT_UP, *again, *again]
    assert person.sees()["status"] == "running"


def test_another_error_of_bootstrap_is_said_with_advice_and_not_tried_again(person: Person) -> None:
    person.mood("bootstrap-errors", "125")
    done = person.types("service", "install")
    assert done.returncode == 1
    assert "125: Domain does not support specified action" in done.stderr
    assert "Log out and in again" in done.stderr
    assert [call for call in person.calls() if call.startswith("bootstrap")] == BROUGHT_UP[1:]


def test_without_anybody_at_the_screen_the_service_goes_to_the_users_own_domain_with_a_warning(person: Person) -> None:
    person.mood("no-gui")
    said = person.does("service", "install")
    assert "without the GPU" in said
    assert person.calls() == ["enable user/UID/LABEL", "bootstrap user/UID PLIST"]
    assert person.sees()["domain"].startswith("user/")
    person.does("service", "stop")
    person.does("service", "start")
    assert person.calls()[-1] == "bootstrap user/UID PLIST"


def test_installing_at_the_screen_later_takes_the_service_out_of_the_users_domain(person: Person) -> None:
    person.mood("no-gui")
    person.does("service", "install")
    person.calls()
    (person.system / "no-gui").unlink()
    person.does("service", "install")
    assert person.calls() == ["bootout user/UID/LABEL", *BROUGHT_UP]
    assert "LimitLoadToSessionType" not in plistlib.loads(person.plist.read_bytes())


def test_stopping_unloads_the_job_and_starting_loads_it(owner: Person) -> None:
    owner.does("service", "stop")
    assert owner.calls() == ["bootout gui/UID/LABEL"]
    assert owner.types("service", "status").returncode == 4
    assert owner.sees()["status"] == "stopped"
    owner.does("service", "stop")
    assert owner.calls() == []
    owner.does("service", "start")
    assert owner.calls() == BROUGHT_UP
    assert owner.sees()["status"] == "running"


def test_starting_what_is_loaded_but_ended_kickstarts_it(owner: Person) -> None:
    pid = owner.sees()["pid"]
    os.kill(pid, 15)
    wait_for(lambda: owner.sees()["status"] == "stopped")
    assert owner.sees()["exit_code"] == 0
    owner.calls()
    owner.does("service", "start")
    assert owner.calls() == ["kickstart gui/UID/LABEL"]
    owner.does("service", "start")
    assert owner.calls() == []


def test_restarting_ends_one_daemon_and_begins_another(owner: Person) -> None:
    older = owner.sees()["pid"]
    owner.does("service", "restart")
    assert owner.calls() == ["bootout gui/UID/LABEL", *BROUGHT_UP]
    assert owner.sees()["pid"] != older


def test_a_daemon_that_crashes_is_started_again_by_launchd(owner: Person) -> None:
    pid = owner.sees()["pid"]
    os.kill(pid, 9)
    assert wait_for(lambda: owner.sees().get("pid")) != pid
    wait_for(lambda: owner.sees().get("exit_code") == -9)


def test_a_daemon_that_cannot_start_says_why_is_not_started_again_and_status_keeps_the_reason(owner: Person) -> None:
    reason = "The database is newer than this program."
    owner.wants("refuses", reason)
    done = owner.types("service", "restart")
    assert done.returncode == 78
    assert "The database is newer" in done.stderr
    assert "Mend it." in done.stderr
    told = owner.sees()
    assert (told["status"], told["exit_code"], told["reason"]) == (
        "stopped",
        0,
        reason,
    )
    assert "The database is newer" in owner.types("status").stdout
    (owner.smolwatch_home / "refuses").unlink()
    owner.does("service", "start")
    assert "reason" not in owner.sees()


def test_the_real_daemon_is_launched_describes_and_says_so_and_a_mistake_in_its_settings_ends_it_well(
    person: Person,
) -> None:
    del person.environ["FAKE_PROGRAM"]
    for folder in ("config", "inbox"):
        (person.smolwatch_home / folder).mkdir(parents=True)
    settings = person.smolwatch_home / "config" / "smolwatch.toml"
    settings.write_text('[model]\nengine = "echo"\n[inbox]\nsettle_seconds = 0.3\n')
    picture = ROOT / "daemon" / "inference" / "demo_model" / "samples" / "sample 03.png"
    shutil.copy(picture, person.smolwatch_home / "inbox" / "beach.png")
    if os.geteuid() == 0:
        for made in (person.smolwatch_home, *person.smolwatch_home.rglob("*")):
            os.chown(made, 65534, 65534)
    person.does("service", "install")
    record = person.smolwatch_home / "inbox" / "beach.png.smolwatch.json"
    wait_for(record.exists, 30)
    assert json.loads(record.read_bytes())["stats"]["launched_by"] == "launchd"
    settings.write_text('[model]\nengine = "nonsense"\n')
    (where,) = (person.system / "jobs").iterdir()
    os.kill(job.pid(where) or 0, 9)  # launchd starts it again, and it finds the mistake
    wait_for(lambda: job.last(where) == 0)
    assert "model.engine" in json.loads((person.smolwatch_home / "data" / "refusal.json").read_bytes())["reason"]
    assert "model.engine" in (person.home / "Library" / "Logs" / "smolwatch" / "launchd.err.log").read_text()
    settings.unlink()
    told = person.sees()
    assert (told["status"], told["exit_code"]) == ("stopped", 0)
    assert "model.engine" in told["reason"]


def test_uninstalling_stops_the_daemon_takes_the_plist_away_and_keeps_the_data(owner: Person) -> None:
    said = owner.does("service", "uninstall")
    assert "is kept" in said
    assert owner.calls() == ["bootout gui/UID/LABEL"]
    assert not owner.plist.exists()
    assert (owner.smolwatch_home / "data").is_dir()
    assert owner.sees()["status"] == "not installed"
    assert "not installed" in owner.does("service", "uninstall")


@pytest.mark.parametrize("verb", ["start", "stop", "restart"])
def test_what_is_not_installed_is_said_so_with_3(person: Person, verb: str) -> None:
    done = person.types("service", verb)
    assert done.returncode == 3
    assert "smolwatch service install" in done.stderr


def test_logs_show_the_daemons_log_and_what_launchd_kept(owner: Person) -> None:
    log = owner.smolwatch_home / "logs" / "smolwatch.log"
    log.write_text("".join(f"line {number}\n" for number in range(100)))
    (owner.home / "Library" / "Logs" / "smolwatch" / "launchd.err.log").write_text("ouch \x1b[31m\n")
    said = owner.does("service", "logs", "-n", "2")
    assert "line 97" not in said
    assert "line 98\nline 99\n" in said
    assert r"ouch \x1b[31m" in said


def test_a_daemon_in_a_terminal_is_not_disturbed(person: Person) -> None:
    (person.smolwatch_home / "data").mkdir(parents=True)
    with HomeLock(person.smolwatch_home / "data" / "smolwatch.lock"):
        (person.smolwatch_home / "data" / "smolwatch.lock").chmod(0o666)
        done = person.types("service", "install")
    assert done.returncode == 75
    assert str(os.getpid()) in done.stderr
    assert not person.plist.exists()
    assert person.calls() == []


def test_there_is_one_service_a_user_and_it_serves_one_home(owner: Person) -> None:
    for verb in ("install", "start", "stop", "uninstall"):
        done = owner.types("service", verb, home=owner.home / "Other")
        assert done.returncode == 1
        assert str(owner.smolwatch_home) in done.stderr
    assert owner.sees()["status"] == "running"


def test_a_file_that_somebody_else_wrote_is_not_replaced(person: Person) -> None:
    person.plist.parent.mkdir(parents=True)
    person.plist.write_text("mine")
    assert person.types("service", "install").returncode == 1
    assert person.plist.read_text() == "mine"


def test_settings_of_the_terminal_are_named_that_the_service_will_not_see(person: Person) -> None:
    person.environ["SMOLWATCH_MODEL__DEVICE"] = "cpu"
    assert "SMOLWATCH_MODEL__DEVICE is set in this terminal only" in person.does("service", "install")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is refused")
def test_root_is_sent_back(person: Person) -> None:
    person.as_root = True
    done = person.types("service", "install")
    assert done.returncode == 5
    assert "without sudo" in done.stderr
    assert not person.plist.exists()


def test_where_there_is_no_service_manager_the_terminal_is_offered() -> None:
    with somebody(None) as person:
        done = person.types("service", "install")
    assert done.returncode == 1
    assert "Neither launchd nor systemd" in done.stderr
    assert "smolwatch run" in done.stderr
