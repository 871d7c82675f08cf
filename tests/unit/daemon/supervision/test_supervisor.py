from __future__ import annotations

import signal
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from config.settings import Settings
from daemon.clock import SystemClock
from daemon.daemon_run import DaemonRun
from daemon.messages import PathReport, encode
from daemon.signals import StopNote
from daemon.supervision.model_status import ModelStatus
from daemon.supervision.supervisor import Supervisor
from daemon.supervision.worker_process import end_reason_of
from storage.commands.ask_inbox import AskInbox
from storage.db.database import Database
from storage.jobs.store import JobStore
from tests.support.files import MODEL, SPEC
from tests.support.logs import logged
from tests.support.waiting import wait_for
from tests.unit.daemon.conftest import drop, settled

PATH = b"/inbox/changed.png"


@pytest.fixture
def note() -> Iterator[StopNote]:
    note = StopNote()
    yield note
    note.close()


def send_nonsense_then_a_path(settings: Settings, pipe: Connection, daemon_run: DaemonRun, model: str | None) -> None:
    """A worker that reports, and ends with the first order."""
    for message in (b"\xff\xfe", b"stage asleep", encode(PathReport(PATH))):
        pipe.send_bytes(message)
    pipe.recv_bytes()


def test_a_damaged_message_is_logged_and_ignored_and_the_next_one_counts(
    settings: Settings, database: Database, inbox: Path, note: StopNote
) -> None:
    clock = SystemClock()
    store = JobStore(database, clock.now)
    store.admit(settled(drop(inbox, "a.png")), spec=SPEC, model=MODEL, max_attempts=3)
    reported: list[bytes] = []
    model_status = ModelStatus(lambda: None, lambda state: None, clock, model="small")
    supervisor = Supervisor(
        settings,
        store,
        AskInbox(database, clock.now),
        clock,
        note,
        daemon_run=DaemonRun(id="run", launched_by="terminal"),
        report_path=reported.append,
        work=send_nonsense_then_a_path,
        model_status=model_status,
    )

    def tick() -> bool:
        supervisor.tick(0.1)
        return bool(reported)

    with logged("WARNING") as lines:
        wait_for(tick, 30)
        supervisor.stop()
    assert reported == [PATH]
    assert [line.partition("ignored: ")[2] for line in lines] == [
        "Unknown message b'\\xff\\xfe'",
        "Unknown stage in b'stage asleep'",
    ]


def test_an_end_reason_names_the_signal_and_for_a_kill_the_likely_cause() -> None:
    assert end_reason_of(-signal.SIGSEGV) == "The worker was killed by signal 11."
    assert end_reason_of(-signal.SIGKILL) == "The worker was killed by signal 9 (out of memory?)."
    assert end_reason_of(3) == "The worker exited with code 3."
