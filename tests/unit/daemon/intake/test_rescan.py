from __future__ import annotations

import pytest

from daemon.intake.admit_result import AdmitResult
from daemon.intake.rescan import Rescan, Rescans
from storage.commands.requests import Answer
from storage.errors import BusyError


def listed(rescan: Rescan | Rescans, *names: bytes) -> None:
    rescan.listed(set(names), set(names))


class Answers(dict[int, Answer]):
    """The answers, by command; while `is_busy` they cannot be stored."""

    is_busy = False

    def store(self, command_id: int, answer: Answer) -> None:
        if self.is_busy:
            raise BusyError("The database is held.")
        self[command_id] = answer

    def result(self, command_id: int) -> dict[str, object]:
        return dict(self[command_id].result or {})


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
def rescans(answers: Answers) -> Rescans:
    return Rescans(answers.store)


def begin(rescans: Rescans, *requests: Rescan) -> None:
    for request in requests:
        rescans.put(request)
    assert rescans.take()


def test_without_a_request_nothing_is_recorded_listed_or_answered(rescans: Rescans, answers: Answers) -> None:
    assert not rescans.take()
    listed(rescans, b"/a")
    rescans.answer_finished()
    rescans.refuse("inbox missing")
    assert (rescans.record(), rescans.awaits_listing, set(rescans.left), answers) == ({}, False, set(), {})


def test_a_plain_rescan_is_finished_with_the_listing() -> None:
    rescan = Rescan(1)
    assert (rescan.record(), rescan.is_finished) == ({}, False)
    listed(rescan, b"/a", b"/b")
    expected = {"id": "1", "compare": False, "seen": 2, "left": 0, "compared": 0, "changed": 0, "restored": 0}
    assert (rescan.record(), rescan.is_finished) == (expected, True)


def test_a_comparison_is_finished_when_every_file_was_read_or_cannot_be() -> None:
    rescan = Rescan(1, compare=True)
    listed(rescan, b"/same", b"/changed", b"/text", b"/moving", b"/cloud")
    rescan.tick_off(b"/same", AdmitResult.KNOWN)
    rescan.tick_off(b"/changed", AdmitResult.CHANGED)
    rescan.tick_off(b"/text", AdmitResult.REFUSED)
    rescan.tick_off(b"/new", AdmitResult.QUEUED)
    rescan.skip(b"/cloud")
    rescan.tick_off(b"/moving", AdmitResult.AGAIN)
    expected = {"id": "1", "compare": True, "seen": 5, "left": 1, "compared": 2, "changed": 1, "restored": 0}
    assert (rescan.record(), rescan.is_finished) == (expected, False)
    listed(rescan, b"/same")
    rescan.tick_off(b"/moving", AdmitResult.KNOWN)
    assert (rescan.record(), rescan.is_finished) == (expected | {"left": 0, "compared": 3}, True)


def test_a_file_that_is_not_going_to_be_read_is_not_waited_for() -> None:
    rescan = Rescan(1, compare=True)
    rescan.listed({b"/here", b"/cloud"}, {b"/here"})
    assert (rescan.seen, rescan.left) == (2, {b"/here"})


def test_requests_that_come_together_share_a_listing_and_each_has_its_own_answer(
    rescans: Rescans, answers: Answers
) -> None:
    begin(rescans, Rescan(1), Rescan(2, compare=True), Rescan(3, compare=True))
    assert rescans.awaits_listing
    listed(rescans, b"/a", b"/b")
    rescans.answer_finished()
    assert set(answers) == {1}, "a plain one does not wait for the comparisons"
    assert set(rescans.left) == {b"/a", b"/b"}
    rescans.tick_off(b"/a", AdmitResult.KNOWN)
    rescans.skip(b"/b")
    rescans.answer_finished()
    assert [answers.result(number)["compared"] for number in (1, 2, 3)] == [0, 1, 1]


def test_a_comparison_reads_every_file_after_its_own_listing(rescans: Rescans, answers: Answers) -> None:
    begin(rescans, Rescan(1, compare=True))
    listed(rescans, b"/a", b"/b")
    rescans.tick_off(b"/a", AdmitResult.CHANGED)
    begin(rescans, Rescan(2, compare=True))
    assert rescans.awaits_listing
    listed(rescans, b"/a", b"/b")
    assert set(rescans.left) == {b"/a", b"/b"}
    rescans.tick_off(b"/b", AdmitResult.KNOWN)
    rescans.answer_finished()
    assert (answers.result(1)["compared"], set(answers)) == (2, {1})
    rescans.tick_off(b"/a", AdmitResult.KNOWN)
    rescans.answer_finished()
    assert answers.result(2) == answers.result(1) | {"id": "2", "changed": 0}


def test_an_inbox_that_cannot_be_listed_is_everybodys_answer(rescans: Rescans, answers: Answers) -> None:
    begin(rescans, Rescan(1), Rescan(2, compare=True))
    rescans.refuse("inbox missing")
    assert [answers[number].error for number in (1, 2)] == ["The inbox cannot be listed now: inbox missing"] * 2
    listed(rescans, b"/a")
    answers.clear()
    rescans.answer_finished()
    assert answers == {}, "each is answered once"


def test_an_answer_that_cannot_be_stored_now_is_stored_later(rescans: Rescans, answers: Answers) -> None:
    begin(rescans, Rescan(1))
    answers.is_busy = True
    rescans.refuse("inbox missing")
    listed(rescans, b"/a")
    with pytest.raises(BusyError):
        rescans.answer_finished()
    answers.is_busy = False
    rescans.answer_finished()
    assert answers.result(1)["seen"] == 1


def test_status_shows_the_newest_request_also_after_its_answer(rescans: Rescans) -> None:
    begin(rescans, Rescan(1), Rescan(2))
    listed(rescans, b"/a")
    rescans.answer_finished()
    assert rescans.record()["id"] == "2"
