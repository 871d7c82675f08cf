from __future__ import annotations

from storage.db.database import Database
from storage.status.board import StatusBoard, StatusReader
from storage.status.inbox_values import IntakeStatus
from storage.status.values import DaemonStatus, EngineStatus, PowerStatus, StartsStatus


def test_before_the_first_report_everything_is_empty(database: Database) -> None:
    reader = StatusReader(database)
    assert (reader.daemon(), reader.engine(), reader.power()) == (DaemonStatus(), EngineStatus(), PowerStatus())
    assert (reader.intake(), reader.inbox_disk(), reader.paused_since()) == (None, None, None)
    assert reader.starts() == StartsStatus()


def test_the_last_report_of_each_kind_is_read_with_the_run_that_wrote_it(database: Database) -> None:
    first, second, reader = StatusBoard(database, "1"), StatusBoard(database, "2"), StatusReader(database)
    first.post(EngineStatus(state="loading"))
    first.post(IntakeStatus(seen=3))
    second.post(EngineStatus(state="ready"))
    assert reader.engine() == EngineStatus(run="2", state="ready")
    assert reader.intake() == IntakeStatus(run="1", seen=3)
