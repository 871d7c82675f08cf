"""The databases that the job store's contracts run on; add another maker for another database."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from storage.db.database import Database, open_database
from storage.health import problems
from storage.jobs.store import JobStore
from storage.library import Library
from tests.fakes.clock import FakeClock
from tests.support.postgres import common_server


@dataclass(frozen=True)
class Made:
    """A new, empty store."""

    database: Database
    store: JobStore
    library: Library

    def problems(self) -> list[str]:
        return problems(self.database)


MakeStore = Callable[[Path, FakeClock], AbstractContextManager[Made]]


@cache
def empty_file() -> bytes:
    """An empty database; creating it takes longer than most tests."""
    with tempfile.TemporaryDirectory() as folder:
        open_database(Path(folder) / "smolwatch.db").close()
        return (Path(folder) / "smolwatch.db").read_bytes()


@contextmanager
def on_sqlite(folder: Path, clock: FakeClock) -> Iterator[Made]:
    (folder / "smolwatch.db").write_bytes(empty_file())
    with closing(open_database(folder / "smolwatch.db")) as database:
        yield Made(database, JobStore(database, clock.now), Library(database))


@contextmanager
def on_postgres(folder: Path, clock: FakeClock) -> Iterator[Made]:
    with common_server().new_database("empty") as address, closing(open_database(address)) as database:
        yield Made(database, JobStore(database, clock.now), Library(database))


MAKERS: dict[str, MakeStore] = {"sqlite": on_sqlite, "postgres": on_postgres}
