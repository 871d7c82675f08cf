"""Tasks are prepared in order, within their memory, none lost and none twice, in any order of calls.

The threads have tests of their own: test_prefetch.py of the worker, test_preprocess_queue.py of the inference.
"""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from daemon.prefetcher import Prefetcher, PrefetchWindow

MOST = 100


class Task:
    """Compared by identity: two tasks may have the same key."""

    def __init__(self, key: int) -> None:
        self.key = key


def window_of(max_bytes: int = MOST) -> PrefetchWindow[Task, int]:
    """Its results are their own weight."""
    return PrefetchWindow(lambda task: task.key, lambda made: made, max_bytes)


def begun(window: PrefetchWindow[Task, int]) -> Task:
    task = window.begin()
    assert task is not None
    return task


def test_tasks_are_prepared_until_their_memory_is_used_up_and_further_when_one_is_no_longer_kept() -> None:
    window = window_of()
    tasks = [Task(number) for number in range(3)]
    for task in tasks:
        window.add(task)
    for task in tasks[:2]:
        assert begun(window) is task
        window.finish(task, 60)
    assert window.begin() is None
    assert window.take() == (tasks[0], 60)
    assert window.begin() is None, "what was taken is still in memory"
    window.keep([])
    assert begun(window) is tasks[2]


def test_one_task_is_prepared_however_large() -> None:
    window = window_of()
    window.add(Task(1))
    window.add(Task(2))
    window.finish(begun(window), 10 * MOST)
    assert window.begin() is None
    assert window.take() is not None


def test_a_lower_rank_goes_first_also_among_what_is_ready() -> None:
    window = PrefetchWindow[Task, int](lambda task: task.key, lambda made: made, MOST, rank=lambda task: task.key)
    tasks = {key: Task(key) for key in (3, 1, 2)}
    assert window.lowest_rank is None
    window.add(tasks[3])
    window.finish(begun(window), 0)
    for key in (2, 1):
        window.add(tasks[key])
    assert window.lowest_rank == 1
    assert begun(window) is tasks[1]
    window.finish(tasks[1], 0)
    assert [window.take(), window.take()] == [(tasks[1], 0), (tasks[3], 0)]


def test_results_without_weight_take_no_memory() -> None:
    window = window_of()
    for number in range(20):
        window.add(Task(number))
        window.finish(begun(window), 0)
    assert len(window) == 20


def test_the_result_of_a_task_that_was_cleared_while_it_was_prepared_is_dropped() -> None:
    window = window_of()
    window.add(Task(1))
    task = begun(window)
    assert window.clear() == [task]
    window.add(Task(1))
    window.finish(task, 10 * MOST)
    assert (window.take(), len(window)) == (None, 1)
    assert begun(window) is not task


def test_a_cancelled_task_is_never_taken_wherever_it_was() -> None:
    for cancelled in (1, 2, 3):
        window = window_of()
        for key in (1, 2, 3):
            window.add(Task(key))
        window.finish(begun(window), 1)
        current = begun(window)
        window.cancel(cancelled)
        window.cancel(99)
        assert cancelled not in window
        window.finish(current, 1)
        if window.can_begin:
            window.finish(begun(window), 1)
        taken = [window.take() for _ in range(len(window))]
        assert [found and found[0].key for found in taken] == [key for key in (1, 2, 3) if key != cancelled]


def test_the_caller_may_prepare_tasks_in_its_own_thread() -> None:
    prefetcher = Prefetcher(lambda task: 10 * task.key, window_of())
    prefetcher.add(Task(1))
    prefetcher.add(Task(2))
    assert [prefetcher.make_next() for _ in range(3)] == [True, True, False]
    prefetcher.wait()
    assert [found and found[1] for found in (prefetcher.take(), prefetcher.take(), prefetcher.take())] == [10, 20, None]
    assert len(prefetcher) == 0


class AnyOrder(RuleBasedStateMachine):
    """What consumer and thread do, in any order: every task that was added is taken or dropped, once."""

    def __init__(self) -> None:
        super().__init__()
        self.window = window_of()
        self.added: list[int] = []
        self.preparing: list[Task] = []
        self.taken: set[int] = set()
        self.sizes: dict[int, int] = {}
        self.count = 0

    @rule()
    def add(self) -> None:
        self.count += 1
        self.added.append(self.count)
        self.window.add(Task(self.count))

    @precondition(lambda self: not self.preparing)
    @rule()
    def begin(self) -> None:
        held = sum(self.sizes.values())
        task = self.window.begin()
        if task is not None:
            assert held < MOST
            self.preparing.append(task)

    @precondition(lambda self: self.preparing)
    @rule(size=st.integers(1, 3 * MOST))
    def finish(self, size: int) -> None:
        task = self.preparing.pop()
        self.window.finish(task, size)
        if task.key in self.added:
            self.sizes[task.key] = size

    @rule()
    def take(self) -> None:
        found = self.window.take()
        if found is not None:
            key = found[0].key
            assert key == self.added.pop(0)
            assert found[1] == self.sizes[key]
            self.taken.add(key)

    @precondition(lambda self: self.taken)
    @rule(data=st.data())
    def keep(self, data: st.DataObject) -> None:
        self.taken = set(data.draw(st.lists(st.sampled_from(sorted(self.taken)))))
        self.window.keep(self.taken)
        self.sizes = {key: size for key, size in self.sizes.items() if key in self.taken or key in self.added}

    @precondition(lambda self: self.added)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(self.added))
        self.window.cancel(key)
        self.added.remove(key)
        self.sizes.pop(key, None)

    @rule()
    def clear(self) -> None:
        assert sorted(task.key for task in self.window.clear()) == self.added
        self.sizes = {key: size for key, size in self.sizes.items() if key in self.taken}
        self.added.clear()

    @invariant()
    def nothing_is_lost(self) -> None:
        assert len(self.window) == len(self.added)
        assert all(key in self.window for key in self.added)

    @invariant()
    def something_can_always_be_done(self) -> None:
        waits = self.added and not self.preparing
        assert not waits or self.window.can_begin or self.window.can_take or self.taken


TestAnyOrder = AnyOrder.TestCase
