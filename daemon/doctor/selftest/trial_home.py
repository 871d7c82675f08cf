"""A temporary home with a real daemon and the demo model."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil

import daemon.inference
from config.errors import NotFoundError
from config.keys import PREFIX
from config.load import load_settings, prepare_home
from daemon.child_process import ChildDaemon
from daemon.doctor.selftest.trial_result import TrialFailedError, wait_for
from storage.db.database import open_database
from storage.errors import StorageError
from storage.library import Library
from storage.lifecycle import JobState
from storage.records import Job

SAMPLES = Path(daemon.inference.__file__).parent / "demo_model" / "samples"
#: Formats that allow extra bytes at the end: another file with the same picture.
GROWING = (".png", ".jpg")
STOP_SECONDS = 20.0
MOST_JOBS = 1000


class TrialHome:
    """A home in `scratch`. The user's own settings do not apply."""

    def __init__(self, scratch: Path) -> None:
        home = scratch / "home"
        (home / "config").mkdir(parents=True)
        (home / "config" / "smolwatch.toml").write_text("[model]\nid = 'demo'\n[inbox]\nsettle_seconds = 0.5\n")
        self.settings = load_settings(home=home, environ={})
        prepare_home(self.settings)
        self.inbox = self.settings.inbox_path.resolve()
        self.scratch = scratch
        self.true: dict[str, str] = json.loads((SAMPLES / "captions.json").read_text(encoding="utf-8"))
        environ = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        self._daemon = ChildDaemon(self.settings, "--now", environ=environ, output=scratch / "output.log")
        self._made = 0

    def start(self) -> None:
        """Returns when the daemon holds its home. Raises SmolwatchError."""
        self._daemon.start()

    @property
    def pid(self) -> int:
        return self._daemon.pid

    def again(self) -> subprocess.CompletedProcess[bytes]:
        """Another daemon for the same home."""
        return subprocess.run(
            self._daemon.command,
            env=self._daemon.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=False,
        )

    def worker(self) -> psutil.Process:
        children = wait_for(lambda: own_children(psutil.Process(self.pid)), "the worker's process")
        return children[0]

    def decoders(self) -> list[psutil.Process]:
        return own_children(self.worker())

    def samples(self) -> list[str]:
        """Copy all samples into the inbox; their names."""
        for name in self.true:
            shutil.copyfile(SAMPLES / name, self.inbox / name)
        return list(self.true)

    def others(self, folder: Path, count: int) -> dict[str, str]:
        """Create `count` new files; their names, each with its true caption."""
        sources = [name for name in self.true if name.endswith(GROWING)]
        captions = {}
        for number in range(count):
            source = sources[number % len(sources)]
            self._made += 1
            name = f"{self._made} {source}"
            (folder / name).write_bytes((SAMPLES / source).read_bytes() + self._made.to_bytes(4, "big"))
            captions[name] = self.true[source]
        return captions

    def jobs(self) -> dict[str, Job]:
        """The newest job of each file, by name; none while the database is being created."""
        try:
            with self.reading() as library:
                return {job.name: job for job in reversed(library.jobs(limit=MOST_JOBS))}
        except (NotFoundError, StorageError):
            return {}

    @contextmanager
    def reading(self) -> Iterator[Library]:
        with closing(open_database(self.settings.database_file, read_only=True)) as database:
            yield Library(database)

    def wait_done(self, names: list[str], seconds: float = 90.0) -> dict[str, str]:
        """The captions of these files, when all are described. Raises TrialFailedError for one that is not."""

        def are_final() -> list[Job]:
            known = self.jobs()
            found = [known[name] for name in names if name in known and known[name].state.is_final()]
            return found if len(found) == len(names) else []

        jobs = wait_for(are_final, f"the descriptions of {len(names)} files", seconds)
        for job in jobs:
            if job.state is not JobState.DONE:
                raise TrialFailedError(f"{job.name} is {job.state}: {job.reason}")
        with self.reading() as library:
            descriptions = {job.name: library.description(job.id) for job in jobs}
        return {name: found.answers.get("caption", "") for name, found in descriptions.items() if found is not None}

    def stop(self) -> int:
        """Stop the daemon with SIGTERM; its exit code. Raises TrialFailedError when it does not stop."""
        code = self._daemon.stop(STOP_SECONDS)
        if code is None:
            raise TrialFailedError(f"The daemon did not end within {STOP_SECONDS:.0f} s.")
        return code

    def close(self) -> None:
        self._daemon.kill()


def own_children(process: psutil.Process) -> list[psutil.Process]:
    """Without the resource tracker of multiprocessing."""
    return [child for child in process.children() if not any("resource_tracker" in text for text in child.cmdline())]
