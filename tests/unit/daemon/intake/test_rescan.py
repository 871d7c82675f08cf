from __future__ import annotations

from daemon.intake.admitter import AdmitResult
from daemon.intake.rescan import Rescan, RescanQueue, RescanRequest


def listed(rescan: Rescan, *names: bytes) -> None:
    rescan.listed(set(names), set(names))


def test_without_a_request_there_is_no_record() -> None:
    rescan = Rescan()
    listed(rescan, b"/a")
    assert rescan.record() == {}


def test_a_plain_rescan_is_finished_with_the_listing() -> None:
    rescan = Rescan("1", compare=False)
    assert rescan.record() == {}
    listed(rescan, b"/a", b"/b")
    expected = {"id": "1", "compare": False, "seen": 2, "left": 0, "compared": 0, "changed": 0, "restored": 0}
    assert rescan.record() == expected


def test_a_comparison_is_finished_when_every_file_was_read_or_cannot_be() -> None:
    rescan = Rescan("1", compare=True)
    listed(rescan, b"/same", b"/changed", b"/text", b"/moving", b"/cloud")
    rescan.tick_off(b"/same", AdmitResult.KNOWN)
    rescan.tick_off(b"/changed", AdmitResult.CHANGED)
    rescan.tick_off(b"/text", AdmitResult.REFUSED)
    rescan.tick_off(b"/new", AdmitResult.QUEUED)
    rescan.skip(b"/cloud")
    rescan.tick_off(b"/moving", AdmitResult.AGAIN)
    expected = {"id": "1", "compare": True, "seen": 5, "left": 1, "compared": 2, "changed": 1, "restored": 0}
    assert rescan.record() == expected
    listed(rescan, b"/same")
    rescan.tick_off(b"/moving", AdmitResult.KNOWN)
    assert rescan.record() == expected | {"left": 0, "compared": 3}


def test_a_file_that_is_not_going_to_be_read_is_not_waited_for() -> None:
    rescan = Rescan("1", compare=True)
    rescan.listed({b"/here", b"/cloud"}, {b"/here"})
    assert (rescan.seen, rescan.left) == (2, {b"/here"})


def test_a_plain_request_finishes_the_comparison_that_it_replaces() -> None:
    first = Rescan("1", compare=True)
    listed(first, b"/a", b"/b", b"/gone")
    first.tick_off(b"/a", AdmitResult.CHANGED)
    second = Rescan("2", compare=False)
    second.replace(first)
    listed(second, b"/a", b"/b", b"/new")
    assert second.left == {b"/b"}
    second.tick_off(b"/b", AdmitResult.KNOWN)
    expected = {"id": "2", "compare": True, "seen": 3, "left": 0, "compared": 2, "changed": 1, "restored": 0}
    assert second.record() == expected


def test_a_comparison_that_was_replaced_before_the_listing_is_made_by_the_later_request() -> None:
    second = Rescan("2", compare=False)
    second.replace(Rescan("1", compare=True))
    listed(second, b"/a")
    assert second.left == {b"/a"}


def test_a_later_comparison_reads_every_file_anew() -> None:
    first = Rescan("1", compare=True)
    listed(first, b"/a", b"/b")
    first.tick_off(b"/a", AdmitResult.CHANGED)
    second = Rescan("2", compare=True)
    second.replace(first)
    listed(second, b"/a", b"/b")
    assert (second.left, second.compared, second.changed) == ({b"/a", b"/b"}, 0, 0)


def test_a_finished_comparison_is_not_continued() -> None:
    first = Rescan("1", compare=True)
    listed(first, b"/a")
    first.tick_off(b"/a", AdmitResult.KNOWN)
    second = Rescan("2", compare=False)
    second.replace(first)
    listed(second, b"/a")
    assert (second.compare, second.left, second.compared) == (False, set(), 0)


def test_a_request_is_stored_as_plain_json_and_one_without_a_daemon_is_read() -> None:
    request = RescanRequest("1", compare=True, daemon_pid=7)
    assert request.record() == {"id": "1", "compare": True, "daemon_pid": 7}
    assert RescanRequest.from_record(request.record()) == request
    assert RescanRequest.from_record({"id": "1", "compare": False}) == RescanRequest("1", compare=False)


def test_the_newest_of_several_requests_becomes_the_current_one_and_continues_their_comparison() -> None:
    rescans = RescanQueue()
    assert not rescans.take()
    assert rescans.current.record() == {}
    rescans.put(Rescan("1", compare=True))
    rescans.put(Rescan("2", compare=False))
    assert rescans.take()
    assert (rescans.current.id, rescans.current.compare) == ("2", True)
    assert not rescans.take(), "no request came since"
    assert rescans.current.id == "2"
