from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cli.progress import READ_SECONDS, Progress, ProgressReader, Speed
from storage.errors import BusyError
from storage.jobs.finished import Finished
from storage.lifecycle import Cause
from tests.unit.cli.conftest import CliHome


class Reads:
    """A reader on a clock of its own, and what it showed."""

    def __init__(self, home: CliHome) -> None:
        self.home = home
        self.now = 0.0
        self.shown: list[Progress] = []
        self.reader = ProgressReader(self.shown.append, monotonic=lambda: self.now)
        self.step(0)

    def step(self, seconds: float = READ_SECONDS) -> Progress | None:
        """A step of the main loop, so much later; what it showed."""
        self.now += seconds
        before = len(self.shown)
        with self.home.reading() as library:
            self.reader.after_step(library)
        return self.shown[-1] if len(self.shown) > before else None


@pytest.fixture
def reads(home: CliHome) -> Reads:
    home.describe("old.jpg", b"old")
    return Reads(home)


def test_files_are_counted_from_the_start_of_the_run_on(home: CliHome, reads: Reads) -> None:
    home.queue("a.jpg", b"a")
    home.queue("b.jpg", b"b")
    claim = home.claim()
    first = reads.step()
    assert first is not None
    assert (first.done, first.left, first.running, first.finished) == (0, 2, 1, ())
    assert first.current == claim.job.path
    home.store.fail(claim, code="unreadable", reason="The file is damaged.", cause=Cause.INPUT)
    second = reads.step()
    assert second is not None
    assert (second.done, second.failed, second.left, second.current) == (1, 1, 1, None)
    assert second.finished == (Finished(claim.job.path, "failed", None, "The file is damaged."),)
    assert reads.reader.total_done == 1


def test_a_finished_file_is_shown_once_with_its_caption(home: CliHome, reads: Reads) -> None:
    home.describe("a.jpg", b"a", caption="A lighthouse.")
    shown = reads.step()
    assert shown is not None
    assert [(job.state, job.caption) for job in shown.finished] == [("done", "A lighthouse.")]
    home.queue("b.jpg", b"b")
    again = reads.step()
    assert again is not None
    assert again.finished == ()


def test_reads_are_a_second_apart_and_an_idle_daemon_shows_nothing_new(home: CliHome, reads: Reads) -> None:
    home.queue("a.jpg", b"a")
    assert reads.step(READ_SECONDS / 2) is None
    assert reads.step(READ_SECONDS / 2) is not None
    home.store.mark_gone(home.claim(), "The file is no longer there.")
    assert reads.step() is not None
    assert reads.step() is None
    assert reads.step() is None


def test_an_empty_queue_ends_a_batch(home: CliHome, reads: Reads) -> None:
    home.describe("a.jpg", b"a")
    home.queue("b.jpg", b"b")
    reads.step()
    home.store.mark_gone(home.claim(), "The file is no longer there.")
    ended = reads.step()
    assert ended is not None
    assert (ended.done, ended.left) == (1, 0), "a file that went away was not done"
    home.queue("c.jpg", b"c")
    begun = reads.step()
    assert begun is not None
    assert (begun.done, begun.left) == (0, 1)
    assert reads.reader.total_done == 1


def test_files_that_wait_for_a_later_attempt_are_counted_apart(home: CliHome, reads: Reads) -> None:
    home.clock.set_wall(datetime.now(UTC))
    home.queue("a.jpg", b"a")
    claim = home.claim()
    later = home.clock.now() + timedelta(minutes=10)
    home.store.wait(claim, code="no-access", reason="Not permitted.", cause=Cause.ENVIRONMENT, not_before=later)
    home.queue("b.jpg", b"b")
    shown = reads.step()
    assert shown is not None
    assert (shown.left, shown.postponed) == (2, 1)


def test_trouble_with_the_database_is_left_to_the_daemon(reads: Reads) -> None:

    class Busy:
        def finished_after(self, event: int | None) -> tuple[list[Finished], int]:
            raise BusyError

    reads.now += READ_SECONDS
    reads.reader.after_step(Busy())  # type: ignore[arg-type]
    assert len(reads.shown) == 1


def test_the_speed_is_that_of_the_last_minute_without_the_wait_for_the_model() -> None:
    speed = Speed()
    speed.note(0, 0)
    speed.note(4, 40)
    assert speed.per_minute(41) is None
    speed.note(5, 42)
    assert speed.per_minute(42) is None, "too few seconds to tell"
    speed.note(6, 44)
    assert speed.per_minute(44) == 30
    for number in range(7, 40):
        speed.note(number, 40 + 10 * number)
    assert speed.per_minute(430) == pytest.approx(6)


def test_a_pause_is_shown_while_files_wait(home: CliHome, reads: Reads) -> None:
    home.queue("a.jpg", b"a")
    home.invoke("pause")
    shown = reads.step()
    assert shown is not None
    assert (shown.is_paused, shown.left) == (True, 1)
