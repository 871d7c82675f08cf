"""Does this file system keep what smolwatch builds on: names are heard of, and files are whole or not there?"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from daemon.doctor.selftest.rewriter import CONTENTS
from daemon.doctor.selftest.trial_result import TrialFailedError, wait_for
from daemon.doctor.subprocesses import command_of, environ_of
from daemon.intake.watch.event_queue import WatchEvents
from daemon.intake.watch.watcher import Watcher
from storage.atomic import sweep_temporaries

#: So that the writer is met at different moments of its work.
LETS = (0.02, 0.05, 0.09, 0.14, 0.2)
HEARD_SECONDS = 10.0
WRITER = tuple(command_of("daemon.doctor.selftest.rewriter"))


def watching(scratch: Path) -> str:
    """What is made, moved in and renamed is heard of, by the system's own way."""
    folder = (scratch / "watched").resolve()
    (folder / "below").mkdir(parents=True)
    heard = WatchEvents()
    watcher = Watcher(os.fsencode(folder), heard)
    watcher.start()
    known: set[bytes] = set()

    def is_heard(path: Path) -> bool:
        known.update(heard.take()[0])
        return os.fsencode(path) in known

    def hears(path: Path) -> float:
        began = time.monotonic()
        wait_for(lambda: is_heard(path), f"word of {path.name}", HEARD_SECONDS)
        return time.monotonic() - began

    try:
        if watcher.polls:
            raise TrialFailedError(watcher.advice)
        time.sleep(1)  # FSEvents may tell of what was before
        (folder / "made.jpg").write_bytes(b"x")
        slowest = hears(folder / "made.jpg")
        (scratch / "outside.jpg").write_bytes(b"x")
        for source, goal in (
            (scratch / "outside.jpg", folder / "below" / "moved in ü.jpg"),
            (folder / "made.jpg", folder / "renamed.jpg"),
        ):
            source.rename(goal)
            slowest = max(slowest, hears(goal))
        return f"{watcher.kind}: made, moved in and renamed, each heard of within {slowest:.2f} s"
    finally:
        watcher.stop()


def sidecars(scratch: Path, writer: Sequence[str] = WRITER) -> str:
    """A writer that is killed at any moment leaves the old file or the new one, whole.

    `writer`: the command that writes without end; it is given the file's path.
    """
    folder = scratch / "written"
    folder.mkdir()
    file = folder / "x.json"
    for let in LETS:
        with subprocess.Popen([*writer, str(file)], env=environ_of(os.environ), stdin=subprocess.DEVNULL) as writing:
            try:
                wait_for(lambda: file.exists() and file.stat().st_size, "the writer's first file")
                time.sleep(let)
            finally:
                writing.kill()
        if file.read_bytes() not in CONTENTS:
            raise TrialFailedError(f"The file is torn: {file.stat().st_size} bytes.")
    swept = sweep_temporaries(folder)
    if (left := sorted(path.name for path in folder.iterdir())) != ["x.json"]:
        raise TrialFailedError(f"Left behind: {', '.join(left)}.")
    return f"whole after each of {len(LETS)} kills; {swept} unfinished ones were swept up"
