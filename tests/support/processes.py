"""The daemon as a real process, with the echo engine, short waits and its own home."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import psutil

from config.errors import NotFoundError
from config.load import load_settings, prepare_home
from config.settings import Settings
from daemon.intake.refusal_texts import sentence_of
from daemon.lock import holder
from storage.db.database import open_database
from storage.errors import StorageError
from storage.library import Library
from storage.lifecycle import JobState
from storage.records import Job
from storage.status.board import StatusReader
from storage.status.values import DaemonStatus, EngineStatus, Status
from tests.support.checkout import ROOT
from tests.support.waiting import wait_for

S = TypeVar("S", bound=Status)

#: Starts the daemon as `smolwatch run` does, without click.
START = """
from tests.support.processes import start
raise SystemExit(start())
"""
QUICK = {
    "SMOLWATCH_INBOX__SETTLE_SECONDS": "0.3",
    "SMOLWATCH_MODEL__ENGINE": "echo",
    "SMOLWATCH_WORK__BEAT_SECONDS": "0.5",
}


def start() -> int:
    """In the new process: errors become exit codes."""
    from config.errors import SmolwatchError
    from config.logs import set_up_logs
    from daemon.app import run
    from daemon.supervision.supervisor import begin_work
    from tests.fakes.scripted_worker import begin_scripted_work

    settings = load_settings()
    prepare_home(settings)
    set_up_logs(settings, role="daemon", console=False)
    try:
        work = begin_scripted_work if "--scripted" in sys.argv else begin_work
        return run(settings, once="--once" in sys.argv, launched_by="terminal", work=work)
    except SmolwatchError as error:
        print(error, file=sys.stderr)
        return error.exit_code


class DaemonHome:
    """A home and the processes that were started on it."""

    def __init__(self, home: Path, environ: Mapping[str, str] = {}, *, scripted: bool = False) -> None:
        """`scripted`: the worker's engine is controlled by the pictures, see `scripted_worker`."""
        self.scripted = scripted
        self.environ = {**os.environ, **QUICK, **environ, "SMOLWATCH_HOME": str(home), "PYTHONPATH": str(ROOT)}
        self.settings: Settings = load_settings(home=home, environ=self.environ)
        prepare_home(self.settings)
        self.inbox = self.settings.inbox_path
        self._started: list[subprocess.Popen[str]] = []

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", START, *arguments, *(["--scripted"] if self.scripted else [])],
            cwd=ROOT,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._started.append(process)
        return process

    def start_and_wait(self) -> subprocess.Popen[str]:
        """Returns when the daemon has started and reported an engine state that lasts."""
        process = self.start()
        wait_for(lambda: holder(self.settings.lock_file) == process.pid)
        wait_for(lambda: self.engine().state not in ("", "restarting", "loading"), 30)
        return process

    def type(self, *words: str) -> subprocess.Popen[str]:
        """Begin a command in a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "cli.main", *words],
            cwd=ROOT,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def invoke(self, *words: str, timeout: float = 50) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        process = self.type(*words)
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def worker(self, daemon: subprocess.Popen[str]) -> psutil.Process:
        """The daemon's worker, once it has one."""
        return wait_for(lambda: next(iter(workers(daemon.pid)), None))

    @contextmanager
    def reading(self) -> Iterator[Library]:
        database = open_database(self.settings.database_place, read_only=True)
        try:
            yield Library(database)
        finally:
            database.close()

    def jobs(self) -> dict[str, Job]:
        """The newest job of every file, by name."""
        with self.reading() as library:
            return {job.name: job for job in reversed(library.jobs(limit=10_000))}

    def states(self) -> dict[str, JobState]:
        return {name: job.state for name, job in self.jobs().items()}

    def engine(self) -> EngineStatus:
        """What was last reported of it; empty while the database is being created."""
        return self._status(StatusReader.engine, EngineStatus())

    def daemon(self) -> DaemonStatus:
        """The same of the daemon."""
        return self._status(StatusReader.daemon, DaemonStatus())

    def _status(self, read: Callable[[StatusReader], S], default: S) -> S:
        try:
            with self.reading() as library:
                return read(library.status)
        except (NotFoundError, StorageError):
            return default

    def notes(self, job: Job) -> list[str]:
        with self.reading() as library:
            return [event.note for event in library.events(job.id)]

    def logged(self, text: str) -> int:
        """How often the text is in the log."""
        file = self.settings.log_folder / "smolwatch.log"
        return file.read_text().count(text) if file.exists() else 0

    def why(self, name: str) -> str:
        """The refusal of a file, or its job's reason."""
        with self.reading() as library:
            refusal = library.refusal(os.fsencode(self.inbox / name))
            job = library.job_at(os.fsencode(self.inbox / name))
        return sentence_of(refusal) if refusal else (job.reason or "") if job else ""

    def close(self) -> None:
        for process in self._started:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self._started:
            try:
                process.communicate(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()


def workers(pid: int) -> list[psutil.Process]:
    """The worker children, without Python's own resource tracker and children that have only just been forked."""
    try:
        children = psutil.Process(pid).children()
        return [child for child in children if "multiprocessing.spawn" in " ".join(child.cmdline())]
    except psutil.Error:
        return []
