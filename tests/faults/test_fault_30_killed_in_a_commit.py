"""Fault 30: the daemon is killed by kill -9 in the middle of a commit. Real."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from pathlib import Path

from storage.db.database import open_database
from storage.health import problems
from storage.library import Library
from tests.support.checkout import ROOT

#: Queues one file after the other, and says so after each commit.
QUEUE = """
import sys
from pathlib import Path
from daemon.clock import SystemClock
from storage.db.database import open_database
from storage.jobs.store import JobStore
from tests.support.files import MODEL, SPEC, new_file

store = JobStore(open_database(Path(sys.argv[1])), SystemClock().now)
for number in range(1_000_000):
    name = b"%s-%d.jpg" % (sys.argv[2].encode(), number)
    store.admit(new_file(b"/inbox/" + name, name), spec=SPEC, model=MODEL, max_attempts=3)
    print(name.decode(), flush=True)
"""


def test_what_was_accepted_is_there_after_each_of_five_kills(tmp_path: Path) -> None:
    file = tmp_path / "smolwatch.db"
    accepted: set[str] = set()
    for round_number in range(5):
        accepted |= queue_until_killed(file, round_number)
        with closing(open_database(file, read_only=True)) as database:
            assert problems(database) == []
            assert accepted <= {job.name for job in Library(database).jobs(limit=1_000_000)}
    assert len(accepted) > 50


def queue_until_killed(file: Path, round_number: int) -> set[str]:
    """The names that were reported as queued; the kill comes after a different number of them each time."""
    command = [sys.executable, "-c", QUEUE, str(file), str(round_number)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(11 + 7 * round_number)]
        process.kill()
        lines += process.stdout.readlines()
    return {line.strip() for line in lines if line.endswith(".jpg\n")}
