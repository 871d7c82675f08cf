from __future__ import annotations

from daemon.worker.pause_check import CHECK_SECONDS, PauseCheck
from storage.commands.command_inbox import CommandInbox
from storage.commands.requests import CommandKind
from storage.db.database import Database
from storage.jobs.store import JobStore
from tests.fakes.clock import FakeClock


def test_a_pause_and_its_end_are_noticed_within_a_second(database: Database, store: JobStore, clock: FakeClock) -> None:
    commands, check = CommandInbox(database, clock.now), PauseCheck(store.pending, clock)
    assert not check.is_paused()
    commands.change_jobs(CommandKind.PAUSE)
    assert not check.is_paused(), "the database is not read more often"
    clock.advance(CHECK_SECONDS)
    assert check.is_paused()
    commands.change_jobs(CommandKind.RESUME)
    clock.advance(CHECK_SECONDS)
    assert not check.is_paused()
