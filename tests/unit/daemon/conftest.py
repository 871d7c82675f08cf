"""A prepared home with a real database, and a clock that only the test moves."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.load import load_settings, prepare_home
from config.settings import Settings
from storage.db.database import Database, open_database
from storage.jobs.store import JobStore
from storage.library import Library
from storage.records import Fingerprint, MediaKind, NewFile
from tests.fakes.clock import FakeClock
from tests.support.files import digest_of

PNG = b"\x89PNG\r\n\x1a\n" + bytes(80)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = load_settings(home=tmp_path / "home", overrides={"model.engine": "echo"})
    prepare_home(settings)
    return settings


@pytest.fixture
def inbox(settings: Settings) -> Path:
    return settings.inbox_path.resolve()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    database = open_database(settings.database_file)
    yield database
    database.close()


@pytest.fixture
def store(database: Database, clock: FakeClock) -> JobStore:
    return JobStore(database, clock.now)


@pytest.fixture
def library(database: Database) -> Library:
    return Library(database)


def drop(inbox: Path, name: str, content: bytes = PNG) -> bytes:
    """A file in the inbox; its path as bytes."""
    file = inbox / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return os.fsencode(file)


def settled(path: bytes) -> NewFile:
    """The file as the intake passes it to the store."""
    with open(path, "rb") as file:  # noqa: PTH123 - a path of bytes
        content = file.read()
    return NewFile(
        path=path,
        fingerprint=Fingerprint.of(os.lstat(path)),
        digest=digest_of(content),
        kind=MediaKind.IMAGE,
        format="png",
    )
