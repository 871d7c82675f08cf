from __future__ import annotations

from datetime import timedelta

import pytest

from daemon.supervision.crash_loop import CrashLoop
from storage.db.database import Database
from storage.status.board import StatusBoard
from tests.fakes.clock import START


@pytest.fixture
def board(database: Database) -> StatusBoard:
    return StatusBoard(database, "run")


def start(board: StatusBoard, minutes: float) -> CrashLoop:
    """A start so many minutes after the first one, without a reason for safe mode."""
    crash_loop = CrashLoop(board, START + timedelta(minutes=minutes))
    assert crash_loop.record_start() is None
    return crash_loop


def test_after_five_crashes_within_ten_minutes_there_is_a_reason_for_safe_mode(board: StatusBoard) -> None:
    for minute in range(5):
        start(board, minute)
    assert "crashed 5 times" in (CrashLoop(board, START + timedelta(minutes=9)).record_start() or "")


def test_older_crashes_do_not_count(board: StatusBoard) -> None:
    for number in range(20):
        start(board, 2.6 * number)


def test_a_clean_end_clears_all_crashes_before(board: StatusBoard) -> None:
    for _ in range(4):
        start(board, 0)
    start(board, 1).record_clean_end()
    for _ in range(5):
        start(board, 2)


def test_a_clock_that_was_set_back_far_clears_them_too(board: StatusBoard) -> None:
    for _ in range(5):
        start(board, 0)
    start(board, -600)
