"""A state machine: whatever daemons, senders and crashes do, each command is answered once, and changes what it says.

A daemon is killed at any moment, also between taking and answering; senders wait, do its work themselves, or give up.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from storage.commands.command_inbox import CommandInbox
from storage.commands.requests import Answer, Command, CommandKind
from storage.lifecycle import CANCELLED, JobState
from tests.fakes.clock import FakeClock
from tests.support.files import MODEL, SPEC, new_file
from tests.support.stores import MakeStore, on_postgres, on_sqlite

MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
ANY = st.integers(0, 10**6)
KINDS = st.sampled_from(("rescan", "pause", "resume", "cancel", "retry"))


class Commands(RuleBasedStateMachine):
    """`make_store` opens the kind of database to test. The model: the last change that any command made."""

    make_store: MakeStore

    @initialize()
    def open(self) -> None:
        self.resources = ExitStack()
        folder = self.resources.enter_context(tempfile.TemporaryDirectory(dir=MEMORY))
        self.clock = FakeClock()
        self.made = self.resources.enter_context(type(self).make_store(Path(folder), self.clock))
        self.inbox = CommandInbox(self.made.database, self.clock.now)
        self.job = self.made.store.admit(new_file(), spec=SPEC, model=MODEL, max_attempts=3)[1]
        self.run, self.is_running = 0, True
        self.sent: list[Command] = []
        self.taken: list[Command] = []  # by the living daemon, and not carried out yet
        self.ever_taken: set[int] = set()
        self.answers: dict[int, Answer] = {}  # the first answer that its sender read
        self.answered: set[int] = set()  # what must be answered by now
        self.is_paused, self.state = False, JobState.QUEUED

    def teardown(self) -> None:
        if hasattr(self, "made"):
            with self.resources:
                self.a_daemon_starts()
                open_ones = [command.id for command in self.sent if int(command.run) < self.run]
                assert all(self.inbox.read_answer(command) for command in self.sent if command.id in open_ones)

    @rule(kind=KINDS)
    def somebody_sends(self, kind: str) -> None:
        arguments = {"jobs": [self.job]} if kind in ("cancel", "retry") else {}
        self.sent.append(self.inbox.send(str(self.run), kind, arguments))

    @precondition(lambda self: self.is_running)
    @rule()
    def the_daemon_takes(self) -> None:
        found = self.inbox.take(str(self.run))
        expected = [
            command
            for command in self.sent
            if command.run == str(self.run) and command.id not in self.ever_taken | self.answered
        ]
        assert found == expected, "a command was lost, or taken twice"
        self.taken += found
        self.ever_taken |= {command.id for command in found}

    @precondition(lambda self: self.is_running and self.taken)
    @rule(which=ANY)
    def the_daemon_carries_out(self, which: int) -> None:
        command = self.taken.pop(which % len(self.taken))
        if command.kind == CommandKind.RESCAN:
            assert self.inbox.answer(command.id, Answer(result={"seen": 1})) == (command.id not in self.answered)
            self.answered.add(command.id)
        else:
            self.carry_out(command)

    @precondition(lambda self: self.sent)
    @rule(which=ANY)
    def a_sender_carries_out_its_own(self, which: int) -> None:
        """Its daemon is silent, as far as it knows."""
        command = self.sent[which % len(self.sent)]
        if command.kind != CommandKind.RESCAN:
            self.carry_out(command)

    @precondition(lambda self: self.sent)
    @rule(which=ANY)
    def a_sender_gives_up(self, which: int) -> None:
        command = self.sent[which % len(self.sent)]
        assert self.inbox.answer(command.id, Answer(error="Gone.")) == (command.id not in self.answered)
        self.answered.add(command.id)

    @rule()
    def the_daemon_is_killed(self) -> None:
        self.is_running = False
        self.taken.clear()

    @rule()
    def a_daemon_starts(self) -> None:
        self.run, self.is_running, self.taken = self.run + 1, True, []
        left = {command.id for command in self.sent} - self.answered
        assert self.inbox.abandon_others(str(self.run)) == len(left)
        self.answered |= left

    @rule(seconds=st.sampled_from((1.0, 60.0)))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @invariant()
    def every_answer_is_there_and_stays(self) -> None:
        for command in self.sent if hasattr(self, "made") else ():
            answer = self.inbox.read_answer(command)
            assert (answer is not None) == (command.id in self.answered)
            if answer is not None:
                assert self.answers.setdefault(command.id, answer) == answer, "an answer was replaced"

    @invariant()
    def each_change_was_made_once_and_only_with_its_answer(self) -> None:
        if hasattr(self, "made"):
            assert (self.made.library.status.paused_since() is not None) == self.is_paused
            job = self.made.library.job(self.job)
            assert job.state is self.state
            assert (job.reason_code == CANCELLED) == (self.state is JobState.SKIPPED)

    def carry_out(self, command: Command) -> None:
        self.inbox.carry_out(command)
        if command.id in self.answered:
            return
        self.answered.add(command.id)
        match command.kind:
            case CommandKind.PAUSE:
                self.is_paused = True
            case CommandKind.RESUME:
                self.is_paused = False
            case CommandKind.CANCEL:
                self.state = JobState.SKIPPED
            case CommandKind.RETRY:
                self.state = JobState.QUEUED


class CommandsOnSqlite(Commands):
    make_store = staticmethod(on_sqlite)


TestCommandsOnSqlite = CommandsOnSqlite.TestCase
TestCommandsOnSqlite.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


class CommandsOnSqliteAtLength(CommandsOnSqlite):
    """As many examples as `make test-slow` has time for."""


TestCommandsOnSqliteAtLength = pytest.mark.slow(pytest.mark.timeout(900)(CommandsOnSqliteAtLength.TestCase))
TestCommandsOnSqliteAtLength.settings = settings(TestCommandsOnSqlite.settings, max_examples=500)


class CommandsOnPostgres(Commands):
    make_store = staticmethod(on_postgres)


TestCommandsOnPostgres = CommandsOnPostgres.TestCase
TestCommandsOnPostgres.settings = settings(TestCommandsOnSqlite.settings, max_examples=10)
