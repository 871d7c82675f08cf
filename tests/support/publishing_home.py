"""A home with real database, files and publishing, and a clock that the test moves."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from click.testing import CliRunner, Result

from cli.main import smolwatch
from config.load import load_settings, prepare_home
from daemon.delivery import Write
from daemon.inference.echo_engine import ECHO_ID, ECHO_REVISION
from storage.db.database import open_database
from storage.description import Description
from storage.jobs.store import JobStore
from storage.library import Library
from storage.records import Fingerprint, Job, MediaKind, NewFile
from storage.sidecars import writer
from tests.fakes.clock import FakeClock
from tests.fakes.engines import FixedAnswerEngine
from tests.support.files import digest_of
from tests.support.worker_bench import Bench, spec_of


class PublishingHome:
    """`write`: the worker's sidecar writer; the real one, unless a test replaces it."""

    def __init__(self, home: Path, inbox: Path | None = None) -> None:
        overrides = {"inbox.path": str(inbox)} if inbox else {}
        self.settings = load_settings(home=home, environ={}, overrides={"model.engine": "echo", **overrides})
        prepare_home(self.settings)
        self.inbox = self.settings.inbox_path.resolve()
        self.mirror = self.settings.sidecar_folder
        self.clock = FakeClock()
        self.database = open_database(self.settings.database_file)
        self.store = JobStore(self.database, self.clock.now)
        self.library = Library(self.database)
        self.write: Write = partial(writer.write, existing=self.settings.output.existing, mirror=self.mirror)

    def drop(self, name: bytes | str, content: bytes = b"waves") -> bytes:
        """A file in the inbox, queued; its path."""
        path = os.path.join(os.fsencode(self.inbox), os.fsencode(name))
        with open(path, "wb") as file:  # noqa: PTH123 - a path of bytes
            file.write(content)
        new = NewFile(
            path=path,
            fingerprint=Fingerprint.of(os.lstat(path)),
            digest=digest_of(content),
            kind=MediaKind.IMAGE,
            format="png",
        )
        self.store.admit(new, spec=spec_of(self.settings), model=f"{ECHO_ID}@{ECHO_REVISION}", max_attempts=3)
        return path

    def work(self, answer: str = "A beach.") -> None:
        """One round of a worker whose model answers this to every question."""
        bench = Bench(self.settings, self.database, self.store, self.library, self.clock, self.write)
        bench.use_engine(FixedAnswerEngine(answer))
        bench.run_rounds()

    def job(self, path: bytes) -> Job:
        job = self.library.job_at(path)
        assert job is not None
        return job

    def description(self, path: bytes) -> Description:
        description = self.library.description(self.job(path).id)
        assert description is not None
        return description

    def story(self, path: bytes) -> list[str]:
        return [event.note for event in self.library.events(self.job(path).id)]

    def invoke(self, *arguments: str) -> Result:
        """The result of a `smolwatch` command."""
        return CliRunner().invoke(
            smolwatch, ["--home", str(self.settings.home), *arguments], prog_name="smolwatch", catch_exceptions=False
        )

    def close(self) -> None:
        self.database.close()
