from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from cli import daemon_commands
from cli.daemon_commands import DATABASE_SECONDS, POLL_SECONDS, change_jobs, rescan, wait_for_database
from config.errors import DaemonNotRunningError, NotFoundError, SmolwatchError
from daemon.lock import HomeLock
from storage.commands.command_inbox import CommandInbox
from storage.commands.requests import Answer, Command, CommandKind
from storage.errors import CommandFailedError
from tests.support.waiting import wait_for
from tests.unit.cli.conftest import CliHome, answering


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon_commands, "PATIENCE_SECONDS", 0.3)
    monkeypatch.setattr(daemon_commands, "TAKE_SECONDS", 0.3)


def is_paused(home: CliHome) -> bool:
    with home.reading() as library:
        return library.status.paused_since() is not None


def test_without_a_daemon_a_command_on_jobs_is_carried_out_here(home: CliHome) -> None:
    home.queue()
    assert change_jobs(home.settings, CommandKind.PAUSE)["was_paused"] is False
    assert is_paused(home)


def test_a_command_on_jobs_gets_the_daemons_answer(home: CliHome) -> None:
    with answering(home, lambda command: Answer(result={"was_paused": True})) as commands:
        assert change_jobs(home.settings, CommandKind.PAUSE) == {"was_paused": True}
    assert [command.kind for command in commands] == ["pause"]
    assert not is_paused(home), "it is the daemon that does it"


def test_an_error_of_the_daemon_is_raised_with_its_exit_code(home: CliHome) -> None:
    error = Answer.of_error(NotFoundError("There is no job 7.", advice="List them."))
    with answering(home, lambda command: error), pytest.raises(CommandFailedError, match="no job 7") as caught:
        change_jobs(home.settings, CommandKind.RETRY, {"jobs": [7]})
    assert (caught.value.exit_code, caught.value.advice) == (3, "List them.")


@pytest.mark.usefixtures("hasty")
def test_a_daemon_that_does_not_answer_is_not_needed(home: CliHome) -> None:
    with answering(home, lambda command: None):
        assert change_jobs(home.settings, CommandKind.PAUSE)["was_paused"] is False
    assert is_paused(home)


def test_a_daemon_that_ends_its_run_leaves_the_command_to_its_sender(home: CliHome) -> None:
    inbox = CommandInbox(home.opened(), home.clock.now)

    def abandon(command: Command) -> None:
        inbox.abandon(command.run)

    with answering(home, abandon):
        assert change_jobs(home.settings, CommandKind.PAUSE)["was_paused"] is False
    assert is_paused(home)


def test_a_daemon_that_is_killed_after_it_took_the_command_is_not_waited_for(home: CliHome) -> None:
    is_taken = threading.Event()
    with ThreadPoolExecutor() as pool:
        with answering(home, lambda command: is_taken.set()):
            call = pool.submit(change_jobs, home.settings, CommandKind.PAUSE)
            assert is_taken.wait(5)
        assert call.result(timeout=5)["was_paused"] is False


def test_a_rescan_ends_with_the_daemon_that_took_it(home: CliHome) -> None:
    is_taken = threading.Event()
    with ThreadPoolExecutor() as pool:
        with answering(home, lambda command: is_taken.set()):
            call = pool.submit(rescan, home.settings, True)
            assert is_taken.wait(5)
        with pytest.raises(DaemonNotRunningError, match="stopped before the rescan was finished"):
            call.result(timeout=5)


def test_a_rescan_of_a_daemon_that_was_restarted_is_an_error(home: CliHome) -> None:
    home.opened()
    lock = HomeLock(home.settings.lock_file)
    with lock, ThreadPoolExecutor() as pool:
        call = pool.submit(rescan, home.settings, False)
        inbox = CommandInbox(home.opened(), home.clock.now)
        wait_for(lambda: inbox.take(lock.run))
        text = home.settings.lock_file.read_text()
        home.settings.lock_file.write_text(text.replace(lock.run, "0" * len(lock.run)))
        with pytest.raises(SmolwatchError, match="was restarted before the rescan was finished") as caught:
            call.result(timeout=5)
    assert "run the same command again" in caught.value.advice


@pytest.mark.usefixtures("hasty")
def test_a_rescan_that_nobody_takes_is_given_up(home: CliHome) -> None:
    home.opened()
    with HomeLock(home.settings.lock_file) as lock:
        with pytest.raises(SmolwatchError, match="did not take the command"):
            rescan(home.settings, False)
        assert CommandInbox(home.opened(), home.clock.now).take(lock.run) == [], "it is answered, by its sender"


@pytest.mark.usefixtures("hasty")
def test_a_rescan_whose_result_cannot_be_stored_is_given_up(home: CliHome) -> None:
    with answering(home, lambda command: None):
        file = home.settings.lock_file
        file.write_text(file.read_text() + "Disk full: 1 MB are free.")
        with pytest.raises(SmolwatchError, match="cannot store the result: Disk full"):
            rescan(home.settings, False)


@pytest.mark.parametrize("is_begun", [False, True])
def test_the_first_daemons_database_is_waited_for_until_it_has_tables(home: CliHome, is_begun: bool) -> None:
    clock, began = home.clock, home.clock.monotonic()
    if is_begun:
        home.settings.database_file.touch()

    def pause(seconds: float) -> None:
        clock.advance(seconds)
        if clock.monotonic() - began > 3:
            home.opened()

    with HomeLock(home.settings.lock_file) as lock:
        wait_for_database(home.settings, lock.run, monotonic=clock.monotonic, pause=pause)
    assert 3 < clock.monotonic() - began < 3 + 2 * POLL_SECONDS


def test_a_daemon_that_creates_no_database_is_waited_for_within_bounds(home: CliHome) -> None:
    clock, began = home.clock, home.clock.monotonic()
    with HomeLock(home.settings.lock_file) as lock, pytest.raises(SmolwatchError, match="within 15 s") as caught:
        wait_for_database(home.settings, lock.run, monotonic=clock.monotonic, pause=clock.advance)
    assert "smolwatch status" in caught.value.advice
    assert clock.monotonic() - began == pytest.approx(DATABASE_SECONDS, abs=2 * POLL_SECONDS)


def test_a_daemon_that_ends_before_it_has_a_database_is_not_waited_for_any_longer(home: CliHome) -> None:
    clock = home.clock
    with HomeLock(home.settings.lock_file) as lock:
        run = lock.run
    with pytest.raises(DaemonNotRunningError, match="before it had created its database") as caught:
        wait_for_database(home.settings, run, monotonic=clock.monotonic, pause=clock.advance)
    assert caught.value.advice == "Run the same command again."


def test_without_a_daemon_no_database_is_waited_for(home: CliHome) -> None:
    began = home.clock.monotonic()
    with pytest.raises(NotFoundError, match="no database"):
        wait_for_database(home.settings, None, monotonic=home.clock.monotonic, pause=home.clock.advance)
    assert home.clock.monotonic() == began
    assert not home.settings.database_file.exists()


@pytest.mark.parametrize("command", ["pause", "rescan"])
def test_a_daemon_of_an_older_version_must_be_restarted(home: CliHome, command: str) -> None:
    with HomeLock(home.settings.lock_file):
        home.settings.lock_file.write_text("123         \n")
        result = home.invoke(command)
    assert result.exit_code == 1
    assert "older version" in result.stderr
    assert not home.settings.database_file.exists(), "its database is left as it is"
