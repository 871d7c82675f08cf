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
from tests.fakes.service.user import ServiceUser, needs_a_user, service_user
from tests.support.checkout import ROOT
from tests.support.waiting import wait_for

pytestmark = needs_a_user

BROUGHT_UP = ["enable gui/UID/LABEL", "bootstrap gui/UID PLIST"]


@pytest.fixture
def user() -> Iterator[ServiceUser]:
    with service_user("launchctl") as user:
        yield user


@pytest.fixture
def owner(user: ServiceUser) -> ServiceUser:
    """Somebody whose service runs."""
    user.run_ok("service", "install")
    user.calls()
    return user


def test_installing_writes_the_plist_enables_and_bootstraps_it_and_the_daemon_runs(user: ServiceUser) -> None:
    output = user.run_ok("service", "install")
    assert user.calls() == BROUGHT_UP
    status = user.service_status()
    assert f"Running, process {status['pid']}" in output
    assert status == {
        "name": "io.github.smolwatch.smolwatch",
        "status": "running",
        "user": status["user"],
        "file": str(user.plist),
        "launcher": "launchd",
        "pid": status["pid"],
        "home": str(user.smolwatch_home),
        "domain": status["domain"],
        "detail": "running",
    }
    assert status["domain"].startswith("gui/")
    assert user.plist.read_text() == user.run_ok("service", "plist")


def test_installing_again_is_an_upgrade_the_old_daemon_ends_first_and_the_new_plist_holds(owner: ServiceUser) -> None:
    older = owner.service_status()["pid"]
    stale = owner.plist.read_bytes().replace(b"<integer>30</integer>", b"<integer>31</integer>")
    owner.plist.write_bytes(stale)
    owner.run_ok("service", "install")
    assert owner.calls() == ["bootout gui/UID/LABEL", *BROUGHT_UP]
    assert owner.service_status()["pid"] != older
    assert plistlib.loads(owner.plist.read_bytes())["ThrottleInterval"] == 30


def test_a_job_that_leaves_slowly_is_waited_for(owner: ServiceUser) -> None:
    owner.set_fake("slow-bootout", "3")
    owner.run_ok("service", "install")
    assert owner.calls() == ["bootout gui/UID/LABEL", *BROUGHT_UP]
    assert owner.service_status()["status"] == "running"


@pytest.mark.parametrize("errno", [5, 37])
def test_an_old_job_in_the_way_is_booted_out_and_bootstrap_tried_again(user: ServiceUser, errno: int) -> None:
    user.set_fake("bootstrap-errors", f"{errno}\n{errno}")
    user.run_ok("service", "install")
    again = ["bootout gui/UID/LABEL", "bootstrap gui/UID PLIST"]
    assert user.calls() == [*BROUGHT_UP, *again, *again]
    assert user.service_status()["status"] == "running"


def test_another_error_of_bootstrap_is_reported_with_advice_and_not_retried(user: ServiceUser) -> None:
    user.set_fake("bootstrap-errors", "125")
    done = user.run("service", "install")
    assert done.returncode == 1
    assert "125: Domain does not support specified action" in done.stderr
    assert "Log out and in again" in done.stderr
    assert [call for call in user.calls() if call.startswith("bootstrap")] == BROUGHT_UP[1:]


def test_without_anybody_at_the_screen_the_service_goes_to_the_users_own_domain_with_a_warning(
    user: ServiceUser,
) -> None:
    user.set_fake("no-gui")
    output = user.run_ok("service", "install")
    assert "without the GPU" in output
    assert user.calls() == ["enable user/UID/LABEL", "bootstrap user/UID PLIST"]
    assert user.service_status()["domain"].startswith("user/")
    user.run_ok("service", "stop")
    user.run_ok("service", "start")
    assert user.calls()[-1] == "bootstrap user/UID PLIST"


def test_installing_at_the_screen_later_takes_the_service_out_of_the_users_domain(user: ServiceUser) -> None:
    user.set_fake("no-gui")
    user.run_ok("service", "install")
    user.calls()
    (user.system / "no-gui").unlink()
    user.run_ok("service", "install")
    assert user.calls() == ["bootout user/UID/LABEL", *BROUGHT_UP]
    assert "LimitLoadToSessionType" not in plistlib.loads(user.plist.read_bytes())


def test_stopping_unloads_the_job_and_starting_loads_it(owner: ServiceUser) -> None:
    owner.run_ok("service", "stop")
    assert owner.calls() == ["bootout gui/UID/LABEL"]
    assert owner.run("service", "status").returncode == 4
    assert owner.service_status()["status"] == "stopped"
    owner.run_ok("service", "stop")
    assert owner.calls() == []
    owner.run_ok("service", "start")
    assert owner.calls() == BROUGHT_UP
    assert owner.service_status()["status"] == "running"


def test_starting_what_is_loaded_but_ended_kickstarts_it(owner: ServiceUser) -> None:
    pid = owner.service_status()["pid"]
    os.kill(pid, 15)
    wait_for(lambda: owner.service_status()["status"] == "stopped")
    assert owner.service_status()["exit_code"] == 0
    owner.calls()
    owner.run_ok("service", "start")
    assert owner.calls() == ["kickstart gui/UID/LABEL"]
    owner.run_ok("service", "start")
    assert owner.calls() == []


def test_restarting_ends_one_daemon_and_begins_another(owner: ServiceUser) -> None:
    older = owner.service_status()["pid"]
    owner.run_ok("service", "restart")
    assert owner.calls() == ["bootout gui/UID/LABEL", *BROUGHT_UP]
    assert owner.service_status()["pid"] != older


def test_a_daemon_that_crashes_is_started_again_by_launchd(owner: ServiceUser) -> None:
    pid = owner.service_status()["pid"]
    os.kill(pid, 9)
    assert wait_for(lambda: owner.service_status().get("pid")) != pid
    wait_for(lambda: owner.service_status().get("exit_code") == -9)


def test_a_daemon_that_cannot_start_says_why_is_not_started_again_and_status_keeps_the_reason(
    owner: ServiceUser,
) -> None:
    reason = "The database is newer than this program."
    owner.write_home_file("refuses", reason)
    done = owner.run("service", "restart")
    assert done.returncode == 78
    assert "The database is newer" in done.stderr
    assert "Mend it." in done.stderr
    status = owner.service_status()
    assert (status["status"], status["exit_code"], status["reason"]) == (
        "stopped",
        0,
        reason,
    )
    assert "The database is newer" in owner.run("status").stdout
    (owner.smolwatch_home / "refuses").unlink()
    owner.run_ok("service", "start")
    assert "reason" not in owner.service_status()


def test_the_real_daemon_is_launched_describes_and_says_so_and_a_mistake_in_its_settings_ends_it_well(
    user: ServiceUser,
) -> None:
    del user.environ["FAKE_PROGRAM"]
    for folder in ("config", "inbox"):
        (user.smolwatch_home / folder).mkdir(parents=True)
    settings = user.smolwatch_home / "config" / "smolwatch.toml"
    settings.write_text('[model]\nengine = "echo"\n[inbox]\nsettle_seconds = 0.3\n')
    picture = ROOT / "daemon" / "inference" / "demo_model" / "samples" / "sample 03.png"
    shutil.copy(picture, user.smolwatch_home / "inbox" / "beach.png")
    if os.geteuid() == 0:
        for made in (user.smolwatch_home, *user.smolwatch_home.rglob("*")):
            os.chown(made, 65534, 65534)
    user.run_ok("service", "install")
    record = user.smolwatch_home / "inbox" / "beach.png.smolwatch.json"
    wait_for(record.exists, 30)
    assert json.loads(record.read_bytes())["stats"]["launched_by"] == "launchd"
    settings.write_text('[model]\nengine = "nonsense"\n')
    (where,) = (user.system / "jobs").iterdir()
    os.kill(job.pid(where) or 0, 9)  # launchd starts it again, and it finds the mistake
    wait_for(lambda: job.last(where) == 0)
    assert "model.engine" in json.loads((user.smolwatch_home / "data" / "refusal.json").read_bytes())["reason"]
    assert "model.engine" in (user.home / "Library" / "Logs" / "smolwatch" / "launchd.err.log").read_text()
    settings.unlink()
    status = user.service_status()
    assert (status["status"], status["exit_code"]) == ("stopped", 0)
    assert "model.engine" in status["reason"]


def test_uninstalling_stops_the_daemon_takes_the_plist_away_and_keeps_the_data(owner: ServiceUser) -> None:
    output = owner.run_ok("service", "uninstall")
    assert "is kept" in output
    assert owner.calls() == ["bootout gui/UID/LABEL"]
    assert not owner.plist.exists()
    assert (owner.smolwatch_home / "data").is_dir()
    assert owner.service_status()["status"] == "not installed"
    assert "not installed" in owner.run_ok("service", "uninstall")


@pytest.mark.parametrize("verb", ["start", "stop", "restart"])
def test_a_service_that_is_not_installed_is_reported_with_3(user: ServiceUser, verb: str) -> None:
    done = user.run("service", verb)
    assert done.returncode == 3
    assert "smolwatch service install" in done.stderr


def test_logs_show_the_daemons_log_and_what_launchd_kept(owner: ServiceUser) -> None:
    log = owner.smolwatch_home / "logs" / "smolwatch.log"
    log.write_text("".join(f"line {number}\n" for number in range(100)))
    (owner.home / "Library" / "Logs" / "smolwatch" / "launchd.err.log").write_text("ouch \x1b[31m\n")
    output = owner.run_ok("service", "logs", "-n", "2")
    assert "line 97" not in output
    assert "line 98\nline 99\n" in output
    assert r"ouch \x1b[31m" in output


def test_a_daemon_in_a_terminal_is_not_disturbed(user: ServiceUser) -> None:
    (user.smolwatch_home / "data").mkdir(parents=True)
    with HomeLock(user.smolwatch_home / "data" / "smolwatch.lock"):
        (user.smolwatch_home / "data" / "smolwatch.lock").chmod(0o666)
        done = user.run("service", "install")
    assert done.returncode == 75
    assert str(os.getpid()) in done.stderr
    assert not user.plist.exists()
    assert user.calls() == []


def test_there_is_one_service_a_user_and_it_serves_one_home(owner: ServiceUser) -> None:
    for verb in ("install", "start", "stop", "uninstall"):
        done = owner.run("service", verb, home=owner.home / "Other")
        assert done.returncode == 1
        assert str(owner.smolwatch_home) in done.stderr
    assert owner.service_status()["status"] == "running"


def test_a_file_that_somebody_else_wrote_is_not_replaced(user: ServiceUser) -> None:
    user.plist.parent.mkdir(parents=True)
    user.plist.write_text("mine")
    assert user.run("service", "install").returncode == 1
    assert user.plist.read_text() == "mine"


def test_settings_of_the_terminal_are_named_that_the_service_will_not_see(user: ServiceUser) -> None:
    user.environ["SMOLWATCH_MODEL__DEVICE"] = "cpu"
    assert "SMOLWATCH_MODEL__DEVICE is set in this terminal only" in user.run_ok("service", "install")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is refused")
def test_root_is_sent_back(user: ServiceUser) -> None:
    user.as_root = True
    done = user.run("service", "install")
    assert done.returncode == 5
    assert "without sudo" in done.stderr
    assert not user.plist.exists()


def test_where_there_is_no_service_manager_the_terminal_is_offered() -> None:
    with service_user(None) as user:
        done = user.run("service", "install")
    assert done.returncode == 1
    assert "Neither launchd nor systemd" in done.stderr
    assert "smolwatch run" in done.stderr
