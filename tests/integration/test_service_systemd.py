"""`smolwatch service` against a `systemctl --user` that behaves like the real one, through the real command line."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.fakes.service.person import Person, needs_a_person, somebody
from tests.support.waiting import wait_for

pytestmark = needs_a_person


@pytest.fixture
def person() -> Iterator[Person]:
    with somebody("systemctl") as person:
        yield person


@pytest.fixture
def owner(person: Person) -> Person:
    """Somebody whose service runs."""
    person.does("service", "install")
    person.calls()
    return person


def unit_calls(person: Person) -> list[str]:
    return [call.removesuffix(" smolwatch.service") for call in person.calls()]


INSTALLED = ["daemon-reload", "enable", "reset-failed", "restart"]


def test_installing_writes_the_unit_enables_it_and_the_daemon_runs(person: Person) -> None:
    said = person.does("service", "install")
    assert unit_calls(person) == INSTALLED
    told = person.sees()
    assert (told["status"], told["launcher"], told["domain"]) == ("running", "systemd", "user")
    assert told["home"] == str(person.smolwatch_home)
    assert f"Running, process {told['pid']}" in said
    assert "sudo loginctl enable-linger" in said
    assert person.unit.read_text() == person.does("service", "plist")


def test_installing_again_is_an_upgrade(owner: Person) -> None:
    older = owner.sees()["pid"]
    owner.unit.write_text(owner.unit.read_text().replace("Nice=19", "Nice=7"))
    owner.does("service", "install")
    assert unit_calls(owner) == INSTALLED
    assert owner.sees()["pid"] != older
    assert "Nice=19" in owner.unit.read_text()


def test_stop_start_and_restart_do_what_they_say(owner: Person) -> None:
    older = owner.sees()["pid"]
    owner.does("service", "stop")
    assert owner.sees()["status"] == "stopped"
    owner.does("service", "start")
    newer = owner.sees()["pid"]
    owner.does("service", "restart")
    assert len({older, newer, owner.sees()["pid"]}) == 3
    assert unit_calls(owner) == ["stop", "reset-failed", "start", "stop", "reset-failed", "start"]


def test_a_daemon_that_crashes_is_started_again(owner: Person) -> None:
    pid = owner.sees()["pid"]
    os.kill(pid, 9)
    assert wait_for(lambda: owner.sees().get("pid")) != pid


def test_a_daemon_that_cannot_start_ends_with_its_own_code_and_stays_ended(owner: Person) -> None:
    owner.wants("refuses", "The database is newer than this program.")
    done = owner.types("service", "restart")
    assert done.returncode == 78
    assert "The database is newer" in done.stderr
    told = owner.sees()
    assert (told["status"], told["exit_code"]) == ("failed", 78)


def test_uninstalling_stops_and_disables_takes_the_unit_away_and_keeps_the_data(owner: Person) -> None:
    assert "is kept" in owner.does("service", "uninstall")
    assert unit_calls(owner) == ["disable --now", "daemon-reload", "reset-failed"]
    assert not owner.unit.exists()
    assert (owner.smolwatch_home / "data").is_dir()
    assert owner.sees()["status"] == "not installed"
    assert "not installed" in owner.does("service", "uninstall")


def test_without_a_systemd_of_this_user_nothing_is_written_and_the_way_out_is_said(person: Person) -> None:
    person.mood("no-bus")
    done = person.types("service", "install")
    assert done.returncode == 1
    assert "Failed to connect to bus" in done.stderr
    assert "log in as yourself" in done.stderr
    assert not person.unit.exists()
