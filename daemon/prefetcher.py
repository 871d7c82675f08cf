"""A queue whose tasks are prepared in order, ahead of their consumer, within a bound of bytes."""

from __future__ import annotations

import bisect
import threading
from collections import deque
from collections.abc import Callable, Collection, Hashable
from typing import Generic, TypeVar

Task = TypeVar("Task")
Made = TypeVar("Made")


class PrefetchWindow(Generic[Task, Made]):
    """Which task is prepared next, what is ready, and how many bytes that takes. Pure.

    `key` identifies a task; `weigh` gives the bytes of a result. Tasks of a lower `rank` go before those of a higher.
    Results count from their preparation until `keep` no longer names them, also when they were taken. The next task is
    begun while they hold less than `max_bytes`, so that one is prepared however large it is.
    """

    def __init__(
        self,
        key: Callable[[Task], Hashable],
        weigh: Callable[[Made], int],
        max_bytes: int,
        rank: Callable[[Task], int] = lambda _: 0,
    ) -> None:
        self._key = key
        self._weigh = weigh
        self._rank = rank
        self._max_bytes = max_bytes
        self._waiting: deque[Task] = deque()
        self._current: Task | None = None
        self._ready: deque[tuple[Task, Made]] = deque()
        self._taken: dict[Hashable, int] = {}  # bytes by key

    def __len__(self) -> int:
        """How many tasks were added and neither taken nor cancelled."""
        return len(self._waiting) + (self._current is not None) + len(self._ready)

    def __contains__(self, key: Hashable) -> bool:
        """Whether this task was added and neither taken nor cancelled."""
        return any(self._key(task) == key for task in self._tasks())

    @property
    def can_begin(self) -> bool:
        """Whether a task is waiting, and there is memory for it."""
        held = sum(self._weigh(made) for _, made in self._ready) + sum(self._taken.values())
        return bool(self._waiting) and held < self._max_bytes

    @property
    def can_take(self) -> bool:
        return bool(self._ready)

    @property
    def lowest_rank(self) -> int | None:
        """Of all tasks that were added and neither taken nor cancelled; None if there are none."""
        return min(map(self._rank, self._tasks()), default=None)

    def add(self, task: Task) -> None:
        bisect.insort(self._waiting, task, key=self._rank)

    def begin(self) -> Task | None:
        """The task to prepare now, if any."""
        if not self.can_begin:
            return None
        self._current = self._waiting.popleft()
        return self._current

    def finish(self, task: Task, made: Made) -> None:
        """The task is prepared; if it was cancelled meanwhile, the result is dropped."""
        if task is self._current:
            self._current = None
            bisect.insort(self._ready, (task, made), key=lambda ready: self._rank(ready[0]))

    def take(self) -> tuple[Task, Made] | None:
        """The next task that is ready, by rank and in the order in which they were added."""
        if not self._ready:
            return None
        task, made = self._ready.popleft()
        self._taken[self._key(task)] = self._weigh(made)
        return task, made

    def keep(self, keys: Collection[Hashable]) -> None:
        """Of the results taken, only these are still in memory."""
        self._taken = {key: nbytes for key, nbytes in self._taken.items() if key in keys}

    def cancel(self, key: Hashable) -> None:
        """Drop a task that was not taken; unknown keys are ignored."""
        self._waiting = deque(task for task in self._waiting if self._key(task) != key)
        self._ready = deque((task, made) for task, made in self._ready if self._key(task) != key)
        if self._current is not None and self._key(self._current) == key:
            self._current = None

    def clear(self) -> list[Task]:
        """Drop and return all tasks that were not taken."""
        dropped = self._tasks()
        self._ready.clear()
        self._current = None
        self._waiting.clear()
        return dropped

    def _tasks(self) -> list[Task]:
        current = [] if self._current is None else [self._current]
        return [task for task, _ in self._ready] + current + list(self._waiting)


class Prefetcher(Generic[Task, Made]):
    """A window for two threads: one calls `make_next`, the other everything else. `make` must not raise."""

    def __init__(self, make: Callable[[Task], Made], window: PrefetchWindow[Task, Made]) -> None:
        self._make = make
        self._window = window
        self._changed = threading.Condition()

    def __len__(self) -> int:
        """How many tasks were added and neither taken nor cancelled."""
        with self._changed:
            return len(self._window)

    def __contains__(self, key: Hashable) -> bool:
        """Whether this task was added and neither taken nor cancelled."""
        with self._changed:
            return key in self._window

    @property
    def lowest_rank(self) -> int | None:
        """Of all tasks that were added and neither taken nor cancelled; None if there are none."""
        with self._changed:
            return self._window.lowest_rank

    def add(self, task: Task) -> None:
        """Prepare this task after those of its rank that were added before."""
        with self._changed:
            self._window.add(task)
            self._changed.notify_all()

    def wait(self, seconds: float | None = None) -> None:
        """Until a task is ready, at most that long; not at all when there is none to wait for."""
        with self._changed:
            self._changed.wait_for(lambda: self._window.can_take or not len(self._window), seconds)

    def take(self) -> tuple[Task, Made] | None:
        """The next task with its result, if it is ready. The result counts until `keep` no longer names it."""
        with self._changed:
            return self._window.take()

    def keep(self, keys: Collection[Hashable]) -> None:
        """Of the results taken, only these are still in memory."""
        with self._changed:
            self._window.keep(keys)
            if self._window.can_begin:  # else no thread waits for it, and a woken thread would take Python's lock
                self._changed.notify_all()

    def cancel(self, key: Hashable) -> None:
        """Drop a task that was not taken; unknown keys are ignored."""
        with self._changed:
            self._window.cancel(key)
            self._changed.notify_all()

    def clear(self) -> list[Task]:
        """Drop and return all tasks that were not taken."""
        with self._changed:
            dropped = self._window.clear()
            self._changed.notify_all()
        return dropped

    def make_next(self) -> bool:
        """Prepare a task in the caller's thread; False when there is none to prepare now."""
        with self._changed:
            task = self._window.begin()
        if task is None:
            return False
        made = self._make(task)
        with self._changed:
            self._window.finish(task, made)
            self._changed.notify_all()
        return True
