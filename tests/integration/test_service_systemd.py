"""`smolwatch service` against a `systemctl --user` that behaves like the real one, through the real command line."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.fakes.service.user import ServiceUser, needs_a_user, service_user
from tests.support.waiting import wait_for

pytestmark = needs_a_user


@pytest.fixture
def user() -> Iterator[ServiceUser]:
    with service_user("systemctl") as user:
        yield user


@pytest.fixture
def owner(user: ServiceUser) -> ServiceUser:
    """Somebody whose service runs."""
    user.run_ok("service", "install")
    user.calls()
    return user


def unit_calls(user: ServiceUser) -> list[str]:
    return [call.removesuffix(" smolwatch.service") for call in user.calls()]


INSTALLED = ["daemon-reload", "enable", "reset-failed", "restart"]


def test_installing_writes_the_unit_enables_it_and_the_daemon_runs(user: ServiceUser) -> None:
    output = user.run_ok("service", "install")
    assert unit_calls(user) == INSTALLED
    status = user.service_status()
    assert (status["status"], status["launcher"], status["domain"]) == ("running", "systemd", "user")
    assert status["home"] == str(user.smolwatch_home)
    assert f"Running, process {status['pid']}" in output
    assert "sudo loginctl enable-linger" in output
    assert user.unit.read_text() == user.run_ok("service", "plist")


def test_installing_again_is_an_upgrade(owner: ServiceUser) -> None:
    older = owner.service_status()["pid"]
    owner.unit.write_text(owner.unit.read_text().replace("Nice=19", "Nice=7"))
    owner.run_ok("service", "install")
    assert unit_calls(owner) == INSTALLED
    assert owner.service_status()["pid"] != older
    assert "Nice=19" in owner.unit.read_text()


def test_stop_start_and_restart_do_what_they_say(owner: ServiceUser) -> None:
    older = owner.service_status()["pid"]
    owner.run_ok("service", "stop")
    assert owner.service_status()["status"] == "stopped"
    owner.run_ok("service", "start")
    newer = owner.service_status()["pid"]
    owner.run_ok("service", "restart")
    assert len({older, newer, owner.service_status()["pid"]}) == 3
    assert unit_calls(owner) == ["stop", "reset-failed", "start", "stop", "reset-failed", "start"]


def test_a_daemon_that_crashes_is_started_again(owner: ServiceUser) -> None:
    pid = owner.service_status()["pid"]
    os.kill(pid, 9)
    assert wait_for(lambda: owner.service_status().get("pid") not in (None, pid))


def test_a_daemon_that_cannot_start_ends_with_its_own_code_and_stays_ended(owner: ServiceUser) -> None:
    owner.write_home_file("refuses", "The database is newer than this program.")
    done = owner.run("service", "restart")
    assert done.returncode == 78
    assert "The database is newer" in done.stderr
    status = owner.service_status()
    assert (status["status"], status["exit_code"]) == ("failed", 78)


def test_uninstalling_stops_and_disables_takes_the_unit_away_and_keeps_the_data(owner: ServiceUser) -> None:
    assert "is kept" in owner.run_ok("service", "uninstall")
    assert unit_calls(owner) == ["disable --now", "daemon-reload", "reset-failed"]
    assert not owner.unit.exists()
    assert (owner.smolwatch_home / "data").is_dir()
    assert owner.service_status()["status"] == "not installed"
    assert "not installed" in owner.run_ok("service", "uninstall")


def test_without_a_systemd_of_this_user_nothing_is_written_and_advice_is_given(user: ServiceUser) -> None:
    user.set_fake("no-bus")
    done = user.run("service", "install")
    assert done.returncode == 1
    assert "Failed to connect to bus" in done.stderr
    assert "log in as yourself" in done.stderr
    assert not user.unit.exists()
