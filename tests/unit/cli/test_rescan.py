from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from cli.commands.rescan import comparison, rescan
from config.errors import DaemonNotRunningError
from daemon.intake.rescan import REQUEST_KEY
from daemon.lock import HomeLock
from tests.support.waiting import wait_for
from tests.unit.cli.conftest import CliHome

Request = dict[str, Any]


class FakeDaemon:
    """Reads and answers requests when the test says so."""

    def __init__(self, home: CliHome) -> None:
        self._store = home.store

    def request(self, unlike: Request | None = None) -> Request:
        """The stored request, once it is another than `unlike`."""
        return wait_for(lambda: (found := self._store.state(REQUEST_KEY)) != unlike and found)

    def answer(self, request: Request, **facts: object) -> None:
        result = {"id": request["id"], "compare": request["compare"], "seen": 3, "left": 0, "compared": 0, "changed": 0}
        self._store.set_state("intake", {"rescan": result | facts})


@pytest.fixture
def daemon(home: CliHome) -> Iterator[FakeDaemon]:
    with HomeLock(home.settings.lock_file):
        yield FakeDaemon(home)


@contextmanager
def callers(home: CliHome) -> Iterator[Callable[[bool], Future[dict[str, Any]]]]:
    """Callers in threads, as commands in other terminals."""
    with ThreadPoolExecutor() as pool:
        yield lambda compare: pool.submit(rescan, home.settings, compare)


def test_without_a_daemon_it_fails(home: CliHome) -> None:
    result = home.invoke("rescan")
    assert result.exit_code == 4
    assert "smolwatch run" in result.stderr


@pytest.mark.usefixtures("daemon")
def test_an_inbox_that_cannot_be_listed_is_an_error(home: CliHome) -> None:
    home.store.set_state("intake", {"problem": "inbox missing"})
    result = home.invoke("rescan", "--hash")
    assert result.exit_code == 1
    assert "inbox missing" in result.stderr
    request = home.store.state(REQUEST_KEY)
    assert request is not None
    assert request["compare"] is True


def test_two_equal_requests_at_once_are_both_answered_by_the_later_one(home: CliHome, daemon: FakeDaemon) -> None:
    with callers(home) as call:
        first = call(True)
        replaced = daemon.request()
        second = call(True)
        latest = daemon.request(unlike=replaced)
        daemon.answer(latest, compared=3)
        assert first.result(timeout=5) == second.result(timeout=5)
        assert first.result()["compared"] == 3


def test_a_plain_request_is_answered_by_a_later_comparison_as_soon_as_that_has_listed(
    home: CliHome, daemon: FakeDaemon
) -> None:
    with callers(home) as call:
        plain = call(False)
        replaced = daemon.request()
        comparing = call(True)
        latest = daemon.request(unlike=replaced)
        daemon.answer(latest, left=2)
        assert plain.result(timeout=5)["seen"] == 3
        assert not comparing.done()
        daemon.answer(latest, compared=3)
        assert comparing.result(timeout=5)["compared"] == 3


def test_a_comparison_that_a_plain_request_continues_is_waited_for(home: CliHome, daemon: FakeDaemon) -> None:
    with callers(home) as call:
        comparing = call(True)
        replaced = daemon.request()
        plain = call(False)
        latest = daemon.request(unlike=replaced)
        daemon.answer(latest, compare=True, left=1)
        assert plain.result(timeout=5)["seen"] == 3
        assert not comparing.done()
        daemon.answer(latest, compare=True, compared=3)
        assert comparing.result(timeout=5)["compared"] == 3


def test_a_comparison_that_the_daemon_never_read_is_requested_again(home: CliHome, daemon: FakeDaemon) -> None:
    with callers(home) as call:
        comparing = call(True)
        unread = daemon.request()
        plain = call(False)
        latest = daemon.request(unlike=unread)
        daemon.answer(latest)
        assert plain.result(timeout=5)["seen"] == 3
        assert daemon.request(unlike=latest) == unread
        daemon.answer(unread, compared=3)
        assert comparing.result(timeout=5)["compared"] == 3


def test_a_daemon_that_ends_is_waited_for_no_longer(home: CliHome) -> None:
    lock = HomeLock(home.settings.lock_file)
    with callers(home) as call:
        with lock:
            both = [call(True), call(False)]
            FakeDaemon(home).request()
        for waiting in both:
            with pytest.raises(DaemonNotRunningError, match="stopped before the rescan was finished"):
                waiting.result(timeout=5)


def test_a_daemon_that_was_restarted_is_an_error(home: CliHome) -> None:
    with HomeLock(home.settings.lock_file), callers(home) as call:
        waiting = call(False)
        FakeDaemon(home).request()
        pid = home.settings.lock_file.read_bytes()
        home.settings.lock_file.write_bytes(b"1".ljust(len(pid) - 1) + b"\n")
        with pytest.raises(Exception, match="was restarted before the rescan was finished"):
            waiting.result(timeout=5)


@pytest.mark.parametrize(
    ("compared", "changed", "text"),
    [
        (300, 0, "Checked 300 described files: none has changed."),
        (1, 1, "Checked 1 described file: 1 has changed and is queued again."),
        (1300, 2, "Checked 1,300 described files: 2 have changed and are queued again."),
    ],
)
def test_a_comparison_is_reported_in_one_sentence(compared: int, changed: int, text: str) -> None:
    assert comparison(compared, changed) == text


def test_the_result_is_printed(home: CliHome, daemon: FakeDaemon) -> None:
    answering = threading.Thread(target=lambda: daemon.answer(daemon.request(), compared=2, restored=1))
    answering.start()
    result = home.invoke("rescan", "--hash")
    answering.join()
    assert result.stdout.splitlines() == [
        "Checked the inbox: 3 files.",
        "The sidecars of 1 file were missing and are restored from the database.",
        "Checked 2 described files: none has changed.",
    ]
