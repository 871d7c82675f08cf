"""Requests are preprocessed in order, a bounded amount ahead, and never after they were cancelled."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.inference.engine import Request
from daemon.inference.preprocess_queue import PreprocessQueue
from tests.support.waiting import wait_for


class SlowUppercase:
    """Makes a request's id uppercase, a byte a letter, once the gate is released. `started`: in which order."""

    def __init__(self, *, max_bytes: int = 3, open: bool = True, uses_thread: bool = True) -> None:
        self.gate = threading.Semaphore(1000 if open else 0)
        self.started: list[str] = []
        self.queue = PreprocessQueue(self.preprocess, len, max_bytes)
        self.queue.uses_thread = uses_thread

    def preprocess(self, request: Request) -> str:
        self.started.append(request.id)
        assert self.gate.acquire(timeout=10)
        return request.id.upper()

    def add(self, *ids: str) -> None:
        for id in ids:
            self.queue.add(Request(id=id, pictures=(), questions=()))

    def taken(self) -> Iterator[str]:
        while (found := self.queue.take(wait=True)) is not None:
            assert found[0].id.upper() == found[1]
            yield found[1]


@pytest.mark.parametrize("uses_thread", [True, False])
def test_all_are_taken_in_the_order_in_which_they_were_added(uses_thread: bool) -> None:
    source = SlowUppercase(uses_thread=uses_thread)
    source.add("a", "b", "c", "d", "e")
    assert list(source.taken()) == ["A", "B", "C", "D", "E"]
    assert len(source.queue) == 0


def test_without_waiting_only_ready_requests_are_taken() -> None:
    source = SlowUppercase(open=False)
    source.add("a")
    assert source.queue.take(wait=False) is None
    assert "a" in source.queue
    source.gate.release()
    assert wait_for(lambda: source.queue.take(wait=False))[1] == "A"
    assert "a" not in source.queue


def test_without_a_thread_a_request_is_preprocessed_when_it_is_taken() -> None:
    source = SlowUppercase(uses_thread=False)
    source.add("a", "b", "c")
    assert not source.started
    source.queue.cancel("b")
    assert [taken and taken[1] for taken in (source.queue.take(wait=False) for _ in range(3))] == ["A", "C", None]


def test_no_more_is_preprocessed_than_the_bytes_allow_until_some_is_taken() -> None:
    source = SlowUppercase(max_bytes=3)
    source.add("aa", "bb", "cc", "dd")
    wait_for(lambda: not source.queue._is_running)
    assert source.started == ["aa", "bb"]
    assert source.queue.take(wait=True) is not None
    wait_for(lambda: not source.queue._is_running)
    assert source.started == ["aa", "bb", "cc"]


def test_a_request_larger_than_the_bound_is_still_preprocessed() -> None:
    source = SlowUppercase(max_bytes=1)
    source.add("large", "larger")
    assert list(source.taken()) == ["LARGE", "LARGER"]


@pytest.mark.parametrize("cancelled", ["a", "b", "c"])
def test_a_request_cancelled_while_current_waiting_or_ready_is_never_taken(cancelled: str) -> None:
    source = SlowUppercase(open=False)
    source.gate.release()
    source.add("a", "b", "c")
    wait_for(lambda: source.started == ["a", "b"])  # a is ready, b is current, c is waiting
    source.queue.cancel(cancelled)
    assert cancelled not in source.queue
    source.gate.release(9)
    assert list(source.taken()) == [id.upper() for id in "abc" if id != cancelled]


def test_a_request_that_was_cancelled_may_come_again() -> None:
    source = SlowUppercase(open=False)
    source.add("a")
    wait_for(lambda: source.started == ["a"])
    source.queue.cancel("a")
    source.add("a")
    source.gate.release(9)
    assert list(source.taken()) == ["A"]
    assert source.started == ["a", "a"]


def test_a_cleared_queue_is_empty() -> None:
    source = SlowUppercase(open=False)
    source.add("a", "b")
    source.queue.clear()
    source.gate.release(9)
    assert list(source.taken()) == []
    source.add("c")
    assert list(source.taken()) == ["C"]


ORDERS = st.lists(st.sampled_from(["add", "take", "cancel", "cancel a late one"]), max_size=30)


@settings(max_examples=50)
@given(ORDERS, st.integers(min_value=1, max_value=6), st.booleans())
def test_whatever_the_order_of_events_each_is_taken_once_and_in_order(
    control: list[str], max_bytes: int, uses_thread: bool
) -> None:
    source = SlowUppercase(max_bytes=max_bytes, uses_thread=uses_thread)
    expected, found = list[str](), list[str]()
    for number, order in enumerate(control):
        if order == "add":
            source.add(f"r{number}")
            expected.append(f"R{number}")
        elif order == "take":
            found += [taken[1] for taken in [source.queue.take(wait=False)] if taken is not None]
        elif waiting := [id for id in expected if id not in found]:
            cancelled = waiting[0 if order == "cancel" else -1]
            source.queue.cancel(cancelled.lower())
            expected.remove(cancelled)
    assert [*found, *source.taken()] == expected
