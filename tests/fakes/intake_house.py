"""A home whose intake runs in a thread, on a real folder with a real database and a real watch."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path

from config.load import load_settings, prepare_home
from daemon.clock import Clock, SystemClock
from daemon.intake.admit import Gate
from daemon.intake.identity import identify
from daemon.intake.intake import Intake
from daemon.intake.sweep import inbox_root
from storage.database import open_database
from storage.jobs import JobStore
from storage.library import Library
from storage.records import Fingerprint, Job, NewFile
from tests.fakes.files import MODEL, RECIPE

#: Enough of a PNG to be taken; what follows it may be anything.
PNG = b"\x89PNG\r\n\x1a\n" + bytes(80)


class IntakeHouse:
    """The database outlives the intake, so that it can be started again. `opened` are the paths that were read."""

    def __init__(self, home: Path, overrides: Mapping[str, object] = {}) -> None:
        self.settings = load_settings(home=home, overrides={"inbox.settle_seconds": 0.3, **overrides})
        prepare_home(self.settings)
        self.inbox = self.settings.inbox_path
        self.root = inbox_root(self.settings)
        self.database = open_database(self.settings.database_file)
        self.library = Library(self.database)
        self.store = JobStore(self.database, SystemClock().now)
        self.opened: list[bytes] = []
        self._thread: threading.Thread | None = None

    def make(self, clock: Clock | None = None) -> Intake:
        """An intake for `start`, or for a test that gives it every tick itself."""
        clock = clock or SystemClock()
        gate = Gate(
            self.store,
            self.library,
            clock,
            model=MODEL,
            recipe=RECIPE,
            max_attempts=3,
            max_bytes=10**6,
            identify=self._identify,
        )
        self.stop_event = threading.Event()
        self.intake = Intake(
            self.settings.inbox,
            self.root,
            gate,
            clock,
            stop=self.stop_event,
            report=lambda state: self.store.set_state("intake", state),
        )
        return self.intake

    def start(self, clock: Clock | None = None) -> Intake:
        intake = self.make(clock)
        self._thread = threading.Thread(target=intake.run)
        self._thread.start()
        return intake

    def stop(self) -> None:
        self.stop_event.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def close(self) -> None:
        if self._thread is not None:
            self.stop()
        self.database.close()

    def jobs(self) -> list[Job]:
        return self.library.jobs(limit=1_000_000)

    def queued(self) -> set[str]:
        """The files that have a job, by their path in the inbox."""
        return {os.path.relpath(job.file, self.inbox) for job in self.jobs()}

    def refused(self, name: str) -> str:
        """The code of a file's refusal, or nothing."""
        refusal = self.library.refusal(os.fsencode(self.inbox / name))
        return refusal.code if refusal else ""

    def _identify(self, path: bytes, settled: Fingerprint, *, max_bytes: int) -> NewFile:
        self.opened.append(path)
        return identify(path, settled, max_bytes=max_bytes)
