"""How many threads: all of them, unless fewer are much faster."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from daemon.inference.torch.threads import (
    MAX_SECONDS,
    ROUNDS,
    ThreadChoice,
    choose,
    choose_threads,
    median_seconds,
)


@pytest.mark.parametrize(
    ("seconds", "threads"),
    [
        ({2: 0.001, 1: 0.002}, 2),
        ({2: 0.002, 1: 0.0015}, 2),
        ({2: 0.120, 1: 0.002}, 1),
        ({8: 0.5, 7: 0.002}, 7),
    ],
)
def test_one_thread_fewer_is_taken_only_when_it_is_much_faster(seconds: dict[int, float], threads: int) -> None:
    assert choose(seconds).threads == threads


def test_the_reason_states_what_was_measured() -> None:
    assert choose({1: 0.002, 2: 0.1204}) == ThreadChoice(1, "16 small products take 120.4 ms on 2, 2.0 ms on 1")


class Machine:
    """A clock that goes on while `work` is done: `seconds` by threads."""

    def __init__(self, seconds: dict[int, float]) -> None:
        self.seconds, self.threads, self.time = seconds, 0, 0.0
        self.used: list[int] = []

    def use(self, threads: int) -> None:
        self.threads = threads
        self.used.append(threads)

    def work(self) -> None:
        self.time += self.seconds[self.threads]


def test_numbers_of_threads_take_turns() -> None:
    machine = Machine({2: 0.001, 1: 0.002})
    found = median_seconds((2, 1), machine.work, machine.use, lambda: machine.time)
    assert found == pytest.approx({2: 0.001, 1: 0.002})
    assert machine.used == [2, 1] * ROUNDS


def test_a_machine_that_is_stuck_is_not_measured_for_long() -> None:
    machine = Machine({2: MAX_SECONDS, 1: 0.002})
    median_seconds((2, 1), machine.work, machine.use, lambda: machine.time)
    assert machine.used == [2, 1]


def test_a_number_that_the_environment_names_is_not_questioned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    before = torch.get_num_threads()
    assert choose_threads(torch.float32) == ThreadChoice(before, "set by OMP_NUM_THREADS")


@pytest.fixture
def two_threads() -> Iterator[None]:
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(1)


@pytest.mark.usefixtures("two_threads")
def test_what_was_chosen_is_what_torch_computes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS")
    choice = choose_threads(torch.float32)
    assert choice.threads == torch.get_num_threads() in (1, 2)
    assert " ms on 2, " in choice.reason
