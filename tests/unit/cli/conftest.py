"""A home with a database, and the command line on it, without a process of its own."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.lookup import open_library
from cli.main import smolwatch
from cli.times import local_time, utc_now
from config.load import load_settings, prepare_home
from config.settings import Settings
from daemon.lock import HomeLock
from storage.commands.command_inbox import CommandInbox
from storage.commands.requests import Answer, Command
from storage.db.database import Database, open_database
from storage.description import Quality
from storage.jobs.store import JobStore
from storage.library import Library
from storage.records import Claim, NewFile, Refusal
from storage.status.board import StatusBoard
from tests.fakes.clock import FakeClock
from tests.support.disk_names import can_name
from tests.support.files import MODEL, SPEC, description_of, new_file


def shown(moment: datetime, *, with_seconds: bool = False) -> str:
    """As commands show it to people now."""
    return local_time(moment, utc_now(), with_seconds=with_seconds)


@dataclass
class CliHome:
    """A prepared home. `invoke` runs a command; the rest brings jobs into states, as a daemon would."""

    settings: Settings
    clock: FakeClock = field(default_factory=FakeClock)
    database: Database | None = None

    @property
    def inbox(self) -> Path:
        return self.settings.inbox_path

    def opened(self) -> Database:
        if self.database is None:
            self.database = open_database(self.settings.database_place)
        return self.database

    @property
    def store(self) -> JobStore:
        return JobStore(self.opened(), self.clock.now)

    @property
    def board(self) -> StatusBoard:
        """What a daemon reports."""
        return StatusBoard(self.opened(), "run")

    @contextmanager
    def reading(self) -> Iterator[Library]:
        with open_library(self.settings) as library:
            yield library

    def invoke(self, *arguments: str, input: str | None = None) -> Result:
        typed = ["--home", str(self.settings.home), *arguments]
        return CliRunner().invoke(smolwatch, typed, input=input, prog_name="smolwatch", catch_exceptions=False)

    def drop(self, name: bytes | str = "beach.jpg", content: bytes = b"waves") -> NewFile:
        """A file in the inbox, as intake would find it. Its path is the real one. Skips where no file can be."""
        text = name.encode() if isinstance(name, str) else name
        if not can_name(self.inbox, os.path.basename(text)):
            pytest.skip("no file can have this name on this disk")
        path = bytes(self.inbox.resolve()) + b"/" + text
        with open(path, "wb") as file:  # noqa: PTH123 - a path of bytes
            file.write(content)
        return new_file(path, content)

    def queue(self, name: bytes | str = "beach.jpg", content: bytes = b"waves") -> int:
        return self.store.admit(self.drop(name, content), spec=SPEC, model=MODEL, max_attempts=3)[1]

    def claim(self) -> Claim:
        claim = self.store.claim("worker", lease_seconds=60)
        assert claim is not None
        return claim

    def describe(
        self,
        name: bytes | str = "beach.jpg",
        content: bytes = b"waves",
        caption: str = "A beach.",
        quality: Quality | None = None,
    ) -> int:
        """A job that is done."""
        file = self.drop(name, content)
        number = self.store.admit(file, spec=SPEC, model=MODEL, max_attempts=3)[1]
        claim = self.claim()
        answers = {"caption": caption, "summary": f"{caption} It is long."}
        self.store.publish(claim, description_of(file, answers=answers, quality=quality, described_at=self.clock.now()))
        self.store.finish(claim)
        return number

    def describe_live_photo(self) -> int:
        """IMG_1.HEIC is done, and IMG_1.MOV is set aside for it."""
        number = self.describe("IMG_1.HEIC", caption="A lighthouse.")
        picture, film = self.drop("IMG_1.HEIC"), self.drop("IMG_1.MOV", b"moving waves")
        reason = "It is the moving half of a Live Photo: described together with its picture, IMG_1.HEIC."
        at = self.clock.now()
        self.store.refuse(Refusal(path=film.path, code="live-photo", reason=reason, at=at, partner=picture.path))
        return number


@contextmanager
def answering(home: CliHome, answer: Callable[[Command], Answer | None]) -> Iterator[list[Command]]:
    """A daemon that holds the lock, and answers commands in a thread; None: it takes the command and does not answer.

    Yields the commands that it took.
    """
    inbox, taken, is_over = CommandInbox(home.opened(), home.clock.now), list[Command](), threading.Event()

    def work(run: str) -> None:
        while not is_over.wait(0.01):
            for command in inbox.take(run):
                taken.append(command)
                if (found := answer(command)) is not None:
                    inbox.answer(command.id, found)

    with HomeLock(home.settings.lock_file) as lock:
        thread = threading.Thread(target=work, args=(lock.run,))
        thread.start()
        try:
            yield taken
        finally:
            is_over.set()
            thread.join()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CliHome]:
    monkeypatch.delenv("SMOLWATCH_HOME", raising=False)
    monkeypatch.delenv("SMOLWATCH_DEBUG", raising=False)
    settings = load_settings(home=tmp_path / "home", environ={})
    prepare_home(settings)
    made = CliHome(settings)
    yield made
    if made.database is not None:
        made.database.close()
