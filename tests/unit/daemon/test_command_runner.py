from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.command_runner import CommandRunner
from storage.commands.command_inbox import CommandInbox
from storage.commands.requests import Command, CommandKind
from storage.db.database import Database, open_database
from storage.errors import BusyError
from storage.library import Library
from tests.fakes.clock import FakeClock

RUN = "run 2"


class Inbox(CommandInbox):
    """Cannot carry anything out while `is_busy`."""

    is_busy = False

    def carry_out(self, command: Command) -> None:
        if self.is_busy:
            raise BusyError("The database is held.")
        super().carry_out(command)


class Daemon:
    """A runner, the rescans that it began, and how often it woke the supervisor."""

    def __init__(self, database: Database) -> None:
        self.inbox, self.library = Inbox(database, FakeClock().now), Library(database)
        self.rescans: list[tuple[int, bool]] = []
        self.wakes = 0
        self.runner = CommandRunner(
            self.inbox, RUN, rescan=lambda command, compare: self.rescans.append((command, compare)), wake=self.wake
        )

    def wake(self) -> None:
        self.wakes += 1


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    database = open_database(tmp_path / "smolwatch.db")
    yield Daemon(database)
    database.close()


def test_commands_on_jobs_are_answered_at_once_and_rescans_later(daemon: Daemon) -> None:
    rescan = daemon.inbox.send(RUN, CommandKind.RESCAN, {"compare": True})
    pause = daemon.inbox.send(RUN, CommandKind.PAUSE)
    daemon.runner.run_waiting()
    assert daemon.rescans == [(rescan.id, True)]
    assert daemon.inbox.read_answer(rescan) is None
    assert daemon.inbox.read_answer(pause) is not None
    assert daemon.wakes == 1


def test_without_commands_nothing_happens(daemon: Daemon) -> None:
    daemon.runner.run_waiting()
    assert (daemon.rescans, daemon.wakes) == ([], 0)


def test_a_command_that_was_taken_is_kept_while_the_database_is_held(daemon: Daemon) -> None:
    commands = [daemon.inbox.send(RUN, kind) for kind in (CommandKind.PAUSE, CommandKind.RESUME)]
    daemon.inbox.is_busy = True
    with pytest.raises(BusyError):
        daemon.runner.run_waiting()
    daemon.inbox.is_busy = False
    daemon.runner.run_waiting()
    assert all(daemon.inbox.read_answer(command) for command in commands)
    assert daemon.library.status.paused_since() is None, "they are carried out in their order"


def test_a_new_run_answers_what_the_last_one_left_and_its_end_what_it_leaves_itself(daemon: Daemon) -> None:
    left, own = daemon.inbox.send("run 1", CommandKind.PAUSE), daemon.inbox.send(RUN, CommandKind.RESCAN)
    daemon.runner.begin()
    daemon.runner.run_waiting()
    assert daemon.inbox.read_answer(own) is None
    daemon.runner.end()
    for command in (left, own):
        answer = daemon.inbox.read_answer(command)
        assert answer is not None
        assert answer.is_abandoned
    assert daemon.library.status.paused_since() is None
