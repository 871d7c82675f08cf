"""Requests are made ready for the model in their order: on a thread beside it, a bounded amount ahead, or when taken.

A thread is for models on a device of their own. On a CPU it takes a core from the product of the moment, whose threads
wait for each other: on two cores, four pictures of five tiles each took 5 % longer with it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from daemon.inference.engine import Request

Made = TypeVar("Made")

#: What is ready and not taken holds no more pixels than that, but for one request: 21 tiles of 512 by 512.
MOST_BYTES = 64 * 1024**2


class PreprocessQueue(Generic[Made]):
    """`make` must not raise; `weigh` gives the bytes of what it made. Set `is_beside`, for the thread, first.

    The thread lives while there is something to do. All methods are for one other thread.
    """

    def __init__(
        self, make: Callable[[Request], Made], weigh: Callable[[Made], int], most_bytes: int = MOST_BYTES
    ) -> None:
        self.is_beside = False
        self._make = make
        self._weigh = weigh
        self._most_bytes = most_bytes
        self._changed = threading.Condition()
        self._line: deque[Request] = deque()
        self._in_hand: Request | None = None
        self._made: deque[tuple[Request, Made]] = deque()
        self._runs = False

    def __contains__(self, request_id: str) -> bool:
        """Whether this request was added and is neither taken nor cancelled."""
        with self._changed:
            return any(request.id == request_id for request in self._requests())

    def __len__(self) -> int:
        with self._changed:
            return len(self._requests())

    def add(self, request: Request) -> None:
        with self._changed:
            self._line.append(request)
            self._start()

    def take(self, *, wait: bool) -> tuple[Request, Made] | None:
        """The next request with what was made of it; None if there is none, or, unless told to wait, none yet."""
        if not self.is_beside:
            request = self._line.popleft() if self._line else None
            return None if request is None else (request, self._make(request))
        with self._changed:
            if wait:
                self._changed.wait_for(lambda: self._made or not self._requests())
            taken = self._made.popleft() if self._made else None
            self._start()
            return taken

    def cancel(self, request_id: str) -> None:
        """Forget a request; unknown ids are ignored."""
        with self._changed:
            self._line = deque(request for request in self._line if request.id != request_id)
            self._made = deque(made for made in self._made if made[0].id != request_id)
            if self._in_hand is not None and self._in_hand.id == request_id:
                self._in_hand = None
            self._start()

    def clear(self) -> None:
        """Forget all requests."""
        with self._changed:
            self._line.clear()
            self._made.clear()
            self._in_hand = None

    def _requests(self) -> list[Request]:
        in_hand = [] if self._in_hand is None else [self._in_hand]
        return [request for request, _ in self._made] + in_hand + list(self._line)

    def _start(self) -> None:
        if self.is_beside and self._may_make() and not self._runs:
            self._runs = True
            threading.Thread(target=self._run, name="readying", daemon=True).start()

    def _may_make(self) -> bool:
        return bool(self._line) and sum(self._weigh(made) for _, made in self._made) < self._most_bytes

    def _run(self) -> None:
        while (request := self._next()) is not None:
            made = self._make(request)
            with self._changed:
                if self._in_hand is request:  # it was not cancelled meanwhile
                    self._made.append((request, made))
                    self._in_hand = None
                self._changed.notify_all()

    def _next(self) -> Request | None:
        with self._changed:
            self._runs = self._may_make()
            self._in_hand = self._line.popleft() if self._runs else None
            return self._in_hand
