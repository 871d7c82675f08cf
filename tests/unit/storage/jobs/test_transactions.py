from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NoReturn

import pytest

from storage.db.database import Database
from storage.errors import DiskFullError
from storage.jobs.file_presence import FilePresence
from storage.jobs.store import JobStore
from storage.jobs.transactions import DirectRunner, Transactions
from tests.fakes.clock import FakeClock
from tests.support.files import claim_of, description_of, new_file


class ReachedError(Exception):
    """A runner was given the transaction."""


class Probe:
    """A runner that runs nothing."""

    def run(self, transaction: Callable[[], Any]) -> NoReturn:
        raise ReachedError("run")

    def try_once(self, transaction: Callable[[], Any], default: Any) -> NoReturn:
        raise ReachedError("try_once")


#: An argument of each name for which None is not enough.
ARGUMENTS: dict[str, Any] = {
    "claim": claim_of(1),
    "description": description_of(new_file()),
    "gone": [b"/inbox/gone.jpg"],
    "job_ids": [1],
    "numbers": {1: 2},
}
#: Their callers poll: a claim never waits.
CLAIMS = {"claim", "claim_all", "claim_unpublished"}


def methods(kind: type) -> list[str]:
    return [name for name, _ in inspect.getmembers(kind, inspect.isfunction) if not name.startswith("_")]


def call(method: Callable[..., object]) -> object:
    needed = [p for p in inspect.signature(method).parameters.values() if p.default is p.empty]
    positional = [ARGUMENTS.get(p.name) for p in needed if p.kind is not p.KEYWORD_ONLY]
    return method(*positional, **{p.name: ARGUMENTS.get(p.name) for p in needed if p.kind is p.KEYWORD_ONLY})


@pytest.mark.parametrize("name", methods(JobStore))
def test_every_method_of_a_store_goes_through_its_runner(name: str, database: Database, clock: FakeClock) -> None:
    store = JobStore(database, clock.now, Probe())
    with pytest.raises(ReachedError, match="try_once" if name in CLAIMS else "run"):
        call(getattr(store, name))


@pytest.mark.parametrize("name", methods(FilePresence))
def test_every_method_of_file_presence_goes_through_its_runner(name: str, database: Database, clock: FakeClock) -> None:
    store = JobStore(database, clock.now, Probe())
    with pytest.raises(ReachedError, match="run"):
        call(getattr(store.presence, name))


def test_a_write_that_needs_room_checks_it_within_the_transaction(database: Database, clock: FakeClock) -> None:
    class Full(Database):
        def check_room(self) -> None:
            raise DiskFullError("Disk full.")

    transactions = Transactions(Full(database.backend), clock.now, DirectRunner())
    assert transactions.write(lambda connection, now: now) == clock.now()
    with pytest.raises(DiskFullError):
        transactions.write(lambda connection, now: now, needs_room=True)
    with pytest.raises(DiskFullError):
        transactions.try_write(lambda connection, now: now, clock.now(), needs_room=True)
