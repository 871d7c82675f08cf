"""What is made ready beside the model: in order, a bounded amount ahead, and nothing that was cancelled."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.inference.engine import Request
from daemon.inference.preprocess_queue import PreprocessQueue
from tests.support.waiting import wait_for


class Kitchen:
    """Makes a request's id in capitals, a byte a letter, once the gate lets it. `begun`: in which order."""

    def __init__(self, *, most_bytes: int = 3, open: bool = True, beside: bool = True) -> None:
        self.gate = threading.Semaphore(1000 if open else 0)
        self.begun: list[str] = []
        self.readying = PreprocessQueue(self.make, len, most_bytes)
        self.readying.in_background = beside

    def make(self, request: Request) -> str:
        self.begun.append(request.id)
        assert self.gate.acquire(timeout=10)
        return request.id.upper()

    def add(self, *ids: str) -> None:
        for id in ids:
            self.readying.add(Request(id=id, pictures=(), questions=()))

    def taken(self) -> Iterator[str]:
        while (found := self.readying.take_next(wait=True)) is not None:
            assert found[0].id.upper() == found[1]
            yield found[1]


@pytest.mark.parametrize("beside", [True, False])
def test_all_are_taken_in_the_order_in_which_they_were_added(beside: bool) -> None:
    kitchen = Kitchen(beside=beside)
    kitchen.add("a", "b", "c", "d", "e")
    assert list(kitchen.taken()) == ["A", "B", "C", "D", "E"]
    assert len(kitchen.readying) == 0


@pytest.mark.parametrize("beside", [True, False])
def test_an_urgent_request_is_taken_before_those_that_wait(beside: bool) -> None:
    kitchen = Kitchen(beside=beside, open=False)
    kitchen.add("a", "b", "c")
    assert not kitchen.readying.has_urgent
    if beside:
        wait_for(lambda: kitchen.begun == ["a"])  # it is made ready, and may be taken first
    kitchen.readying.add(Request(id="u", pictures=(), questions=(), is_urgent=True))
    assert kitchen.readying.has_urgent
    kitchen.gate.release(4)
    assert [each for each in kitchen.taken() if each != "A"] == ["U", "B", "C"]
    assert not kitchen.readying.has_urgent


def test_without_waiting_only_what_is_ready_is_taken() -> None:
    kitchen = Kitchen(open=False)
    kitchen.add("a")
    assert kitchen.readying.take_next(wait=False) is None
    assert "a" in kitchen.readying
    kitchen.gate.release()
    assert wait_for(lambda: kitchen.readying.take_next(wait=False))[1] == "A"
    assert "a" not in kitchen.readying


def test_without_a_thread_a_request_is_made_ready_when_it_is_taken() -> None:
    kitchen = Kitchen(beside=False)
    kitchen.add("a", "b", "c")
    assert not kitchen.begun
    kitchen.readying.cancel("b")
    assert [taken and taken[1] for taken in (kitchen.readying.take_next(wait=False) for _ in range(3))] == [
        "A",
        "C",
        None,
    ]


def test_no_more_is_made_than_the_bytes_allow_until_some_is_taken() -> None:
    kitchen = Kitchen(most_bytes=3)
    kitchen.add("aa", "bb", "cc", "dd")
    wait_for(lambda: not kitchen.readying._is_running)
    assert kitchen.begun == ["aa", "bb"]
    assert kitchen.readying.take_next(wait=True) is not None
    wait_for(lambda: not kitchen.readying._is_running)
    assert kitchen.begun == ["aa", "bb", "cc"]


def test_what_is_larger_than_the_bound_is_made_all_the_same() -> None:
    kitchen = Kitchen(most_bytes=1)
    kitchen.add("large", "larger")
    assert list(kitchen.taken()) == ["LARGE", "LARGER"]


@pytest.mark.parametrize("cancelled", ["a", "b", "c"])
def test_cancelled_in_the_making_in_line_or_ready_it_is_never_taken(cancelled: str) -> None:
    kitchen = Kitchen(open=False)
    kitchen.gate.release()
    kitchen.add("a", "b", "c")
    wait_for(lambda: kitchen.begun == ["a", "b"])  # a is ready, b in the making, c in line
    kitchen.readying.cancel(cancelled)
    assert cancelled not in kitchen.readying
    kitchen.gate.release(9)
    assert list(kitchen.taken()) == [id.upper() for id in "abc" if id != cancelled]


def test_a_request_that_was_cancelled_may_come_again() -> None:
    kitchen = Kitchen(open=False)
    kitchen.add("a")
    wait_for(lambda: kitchen.begun == ["a"])
    kitchen.readying.cancel("a")
    kitchen.add("a")
    kitchen.gate.release(9)
    assert list(kitchen.taken()) == ["A"]
    assert kitchen.begun == ["a", "a"]


def test_cleared_it_holds_nothing() -> None:
    kitchen = Kitchen(open=False)
    kitchen.add("a", "b")
    kitchen.readying.clear()
    kitchen.gate.release(9)
    assert list(kitchen.taken()) == []
    kitchen.add("c")
    assert list(kitchen.taken()) == ["C"]


ORDERS = st.lists(st.sampled_from(["add", "take", "cancel", "cancel a late one"]), max_size=30)


@settings(max_examples=50)
@given(ORDERS, st.integers(min_value=1, max_value=6), st.booleans())
def test_whatever_the_order_of_events_each_is_taken_once_and_in_order(
    control: list[str], most_bytes: int, beside: bool
) -> None:
    kitchen = Kitchen(most_bytes=most_bytes, beside=beside)
    expected, found = list[str](), list[str]()
    for number, order in enumerate(control):
        if order == "add":
            kitchen.add(f"r{number}")
            expected.append(f"R{number}")
        elif order == "take":
            found += [taken[1] for taken in [kitchen.readying.take_next(wait=False)] if taken is not None]
        elif waiting := [id for id in expected if id not in found]:
            cancelled = waiting[0 if order == "cancel" else -1]
            kitchen.readying.cancel(cancelled.lower())
            expected.remove(cancelled)
    assert [*found, *kitchen.taken()] == expected
