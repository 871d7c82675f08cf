"""A home whose intake runs in a thread, on a real folder with a real database and a real watch."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from loguru import logger

from config.load import load_settings, prepare_home
from daemon.clock import Clock, SystemClock
from daemon.intake.admitter import Admitter, Identify
from daemon.intake.device_numbers import update_device_numbers
from daemon.intake.identity import identify
from daemon.intake.loop import Intake
from daemon.intake.reconcile import Reconciler
from daemon.intake.sweep import Scan
from daemon.intake.wakeup import Wakeup
from daemon.intake.watch.event_queue import WatchEvents
from daemon.intake.watch.watcher import Watcher
from daemon.intake.watched_inboxes import inboxes_of
from storage.commands.requests import Answer
from storage.db.database import open_database
from storage.errors import StorageError
from storage.jobs.store import JobStore
from storage.library import Library
from storage.records import Fingerprint, Job, NewFile
from storage.status.board import StatusBoard
from tests.support.checkout import ROOT
from tests.support.files import MODEL, SPEC, description_of
from tests.support.waiting import wait_for

#: Enough of a PNG to be taken; what follows it may be anything.
PNG = b"\x89PNG\r\n\x1a\n" + bytes(80)


class IntakeHome:
    """The database outlives the intake, so that it can be started again. `opened` are the paths that were read."""

    def __init__(self, home: Path, overrides: Mapping[str, object] = {}) -> None:
        self.settings = load_settings(home=home, overrides={"inbox.settle_seconds": 0.3, **overrides})
        prepare_home(self.settings)
        self.inbox = self.settings.inbox_path
        self.inboxes = inboxes_of(self.settings)
        (self.watched,) = self.inboxes
        self.root = self.watched.root
        self.database = open_database(self.settings.database_file)
        self.library = Library(self.database)
        self.store = JobStore(self.database, SystemClock().now)
        self.board = StatusBoard(self.database, "run")
        self.answers: dict[int, Answer] = {}
        self.opened: list[bytes] = []
        self.trouble: list[StorageError] = []
        self.lstat: Callable[[bytes], os.stat_result] = os.lstat
        self.identify: Identify = identify
        self._thread: threading.Thread | None = None

    def make(
        self,
        clock: Clock | None = None,
        watcher: Callable[[bytes, WatchEvents], Watcher] | None = None,
        scan: Scan = os.scandir,
    ) -> Intake:
        """An intake for `run`, or for a test that gives it every tick itself."""
        clock = clock or SystemClock()
        update_device_numbers(self.store, self.board, self.inboxes)  # as the daemon does before it starts anything
        admitter = Admitter(
            self.store,
            self.library,
            clock,
            spec_of=lambda _: SPEC,
            model=MODEL,
            max_attempts=3,
            max_bytes=10**6,
            identify=self._identify,
            mirror=self.settings.sidecar_folder,
        )
        self.wakeup = Wakeup(SystemClock())
        self.intake = Intake(
            self.watched,
            admitter,
            Reconciler(self.settings, self.watched, self.store, self.library, clock),
            clock,
            wakeup=self.wakeup,
            on_storage_error=self.trouble.append,
            report=self.board.post,
            answer_rescan=self.answers.__setitem__,
            watcher=watcher,
            scan=scan,
            lstat=lambda path: self.lstat(path),
        )
        return self.intake

    def run(self, intake: Intake) -> Intake:
        self._thread = threading.Thread(target=intake.run)
        self._thread.start()
        return intake

    def start(self) -> Intake:
        return self.run(self.make())

    def start_and_settle(self) -> Intake:
        """Started, and what is there is queued."""
        intake = self.start()
        wait_for(lambda: intake.is_idle)
        return intake

    def sweep_now(self) -> None:
        """List the inbox without a reason; for an intake at rest."""
        self.intake._schedule.request()
        self.wakeup.wake()

    def stop(self) -> None:
        self.wakeup.stop()
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

    def finish_all(self) -> None:
        """Describe every job, as a worker would."""
        while (claim := self.store.claim("worker", lease_seconds=60)) is not None:
            job = claim.job
            file = NewFile(
                path=job.path, fingerprint=job.fingerprint, digest=job.digest, kind=job.kind, format=job.format
            )
            self.store.publish(claim, description_of(file))
            self.store.finish(claim)

    def _identify(self, path: bytes, settled: Fingerprint, *, max_bytes: int) -> NewFile:
        self.opened.append(path)
        return self.identify(path, settled, max_bytes=max_bytes)


def main() -> int:
    """The intake as a process of its own: `python -c "..." HOME NAME=VALUE ...`, until its standard input ends."""
    folder, *pairs = sys.argv[1:]
    logger.remove()
    logger.add(sys.stderr, level="WARNING")
    logging.basicConfig(level=logging.ERROR)
    home = IntakeHome(Path(folder), dict(pair.split("=", 1) for pair in pairs))
    home.start_and_settle()
    wait_for(lambda: home.library.status.intake())
    print("watching", flush=True)
    sys.stdin.read()
    home.close()
    return 0


@contextmanager
def intake_process(home: Path, *pairs: str, before: Sequence[str] = ()) -> Iterator[subprocess.Popen[str]]:
    """It watches already; `before` is put before its command line. What it warns of is on its stderr."""
    code = "from tests.support.intake_home import main; raise SystemExit(main())"
    process = subprocess.Popen(
        [*before, sys.executable, "-c", code, str(home), *pairs],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "watching\n", process.communicate("")[1]
        yield process
    finally:
        process.kill()
        process.communicate()
