"""Trials of the file system: notifications of new names arrive, and atomic writes are atomic."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from daemon.child_process import command_of, environ_of
from daemon.doctor.selftest.rewriter import CONTENTS
from daemon.doctor.selftest.trial_result import TrialFailedError, wait_for
from daemon.intake.watch.event_queue import WatchEvents
from daemon.intake.watch.watcher import Watcher
from storage.atomic import remove_temporaries

#: Seconds until the writer is killed, at different moments of its work.
KILL_AFTER = (0.02, 0.05, 0.09, 0.14, 0.2)
NOTIFIED_SECONDS = 10.0
WRITER = tuple(command_of("daemon.doctor.selftest.rewriter"))


def watching(scratch: Path) -> str:
    """The system sends notifications of created, moved and renamed files."""
    folder = (scratch / "watched").resolve()
    (folder / "below").mkdir(parents=True)
    events = WatchEvents()
    watcher = Watcher(os.fsencode(folder), events)
    watcher.start()
    known: set[bytes] = set()

    def is_notified(path: Path) -> bool:
        known.update(events.take()[0])
        return os.fsencode(path) in known

    def notified_after(path: Path) -> float:
        began = time.monotonic()
        wait_for(lambda: is_notified(path), f"a notification of {path.name}", NOTIFIED_SECONDS)
        return time.monotonic() - began

    try:
        if watcher.polls:
            raise TrialFailedError(watcher.advice)
        time.sleep(1)  # FSEvents can report earlier changes
        (folder / "made.jpg").write_bytes(b"x")
        slowest = notified_after(folder / "made.jpg")
        (scratch / "outside.jpg").write_bytes(b"x")
        for source, goal in (
            (scratch / "outside.jpg", folder / "below" / "moved in ü.jpg"),
            (folder / "made.jpg", folder / "renamed.jpg"),
        ):
            source.rename(goal)
            slowest = max(slowest, notified_after(goal))
        return f"{watcher.kind}: created, moved in and renamed, each notified within {slowest:.2f} s"
    finally:
        watcher.stop()


def sidecars(scratch: Path, writer: Sequence[str] = WRITER) -> str:
    """A writer that is killed at any moment leaves the old file or the new one, complete.

    `writer`: the command that rewrites the file without end; its last argument is the file's path.
    """
    folder = scratch / "written"
    folder.mkdir()
    file = folder / "x.json"
    for seconds in KILL_AFTER:
        with subprocess.Popen([*writer, str(file)], env=environ_of(os.environ), stdin=subprocess.DEVNULL) as process:
            try:
                wait_for(lambda: file.exists() and file.stat().st_size, "the writer's first file")
                time.sleep(seconds)
            finally:
                process.kill()
        if file.read_bytes() not in CONTENTS:
            raise TrialFailedError(f"The file is torn: {file.stat().st_size} bytes.")
    swept = remove_temporaries(folder)
    if (left := sorted(path.name for path in folder.iterdir())) != ["x.json"]:
        raise TrialFailedError(f"Left behind: {', '.join(left)}.")
    return f"complete after each of {len(KILL_AFTER)} kills; {swept} temporary files were removed"
