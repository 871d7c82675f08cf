"""Preprocesses requests in order: on a thread, a bounded amount ahead, or when they are taken.

The thread is for models on a device of their own. On a CPU it takes a core from the current matrix product, whose
threads wait for each other: on two cores, four pictures of five tiles each took 5 % longer with it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from daemon.inference.engine import Request

Result = TypeVar("Result")

#: Bytes of results that are ready and not taken, apart from one request: 21 tiles of 512 by 512.
MAX_READY_BYTES = 64 * 1024**2


class PreprocessQueue(Generic[Result]):
    """`preprocess` must not raise; `size_of` gives a result's bytes. Set `uses_thread` before the first request.

    The thread ends when there is nothing to do. All methods are for one other thread.
    """

    def __init__(
        self,
        preprocess: Callable[[Request], Result],
        size_of: Callable[[Result], int],
        max_bytes: int = MAX_READY_BYTES,
    ) -> None:
        self.uses_thread = False
        self._preprocess = preprocess
        self._size_of = size_of
        self._max_bytes = max_bytes
        self._changed = threading.Condition()
        self._waiting: deque[Request] = deque()
        self._current: Request | None = None
        self._ready: deque[tuple[Request, Result]] = deque()
        self._is_running = False

    def __contains__(self, request_id: str) -> bool:
        """Whether this request was added and is neither taken nor cancelled."""
        with self._changed:
            return any(request.id == request_id for request in self._requests())

    def __len__(self) -> int:
        with self._changed:
            return len(self._requests())

    def add(self, request: Request) -> None:
        with self._changed:
            self._waiting.append(request)
            self._start()

    def take(self, *, wait: bool) -> tuple[Request, Result] | None:
        """The next request and its result; None if there is none, or, unless `wait`, if none is ready yet."""
        if not self.uses_thread:
            request = self._waiting.popleft() if self._waiting else None
            return None if request is None else (request, self._preprocess(request))
        with self._changed:
            if wait:
                self._changed.wait_for(lambda: self._ready or not self._requests())
            taken = self._ready.popleft() if self._ready else None
            self._start()
            return taken

    def cancel(self, request_id: str) -> None:
        """Drop a request; unknown ids are ignored."""
        with self._changed:
            self._waiting = deque(request for request in self._waiting if request.id != request_id)
            self._ready = deque(result for result in self._ready if result[0].id != request_id)
            if self._current is not None and self._current.id == request_id:
                self._current = None
            self._start()

    def clear(self) -> None:
        """Drop all requests."""
        with self._changed:
            self._waiting.clear()
            self._ready.clear()
            self._current = None

    def _requests(self) -> list[Request]:
        current = [] if self._current is None else [self._current]
        return [request for request, _ in self._ready] + current + list(self._waiting)

    def _start(self) -> None:
        if self.uses_thread and self._can_start() and not self._is_running:
            self._is_running = True
            threading.Thread(target=self._run, name="preprocess", daemon=True).start()

    def _can_start(self) -> bool:
        return bool(self._waiting) and sum(self._size_of(result) for _, result in self._ready) < self._max_bytes

    def _run(self) -> None:
        while (request := self._next()) is not None:
            result = self._preprocess(request)
            with self._changed:
                if self._current is request:  # not cancelled in the meantime
                    self._ready.append((request, result))
                    self._current = None
                self._changed.notify_all()

    def _next(self) -> Request | None:
        with self._changed:
            self._is_running = self._can_start()
            self._current = self._waiting.popleft() if self._is_running else None
            return self._current
