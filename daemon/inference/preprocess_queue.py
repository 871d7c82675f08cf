"""Requests are preprocessed in their order: in the background, a bounded amount ahead, or when they are taken.

Urgent ones are first.

A thread is for models on a device of their own. On a CPU it takes a core from the running product, whose threads wait
for each other: on two cores, four pictures of five tiles each took 5 % longer with it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from daemon.inference.engine import Request
from daemon.prefetcher import Prefetcher, PrefetchWindow

Made = TypeVar("Made")

#: What is ready and not taken holds no more pixels than that, but for one request: 21 tiles of 512 by 512.
MAX_BYTES = 64 * 1024**2

#: Ranks of requests.
URGENT, ORDINARY = 0, 1


def rank_of(request: Request) -> int:
    return URGENT if request.is_urgent else ORDINARY


class PreprocessQueue(Prefetcher[Request, Made]):
    """`make` must not raise; `weigh` gives the bytes of its result. Set `in_background` before the first request.

    The thread lives while there is something to prepare. All methods are for one other thread.
    """

    def __init__(
        self, make: Callable[[Request], Made], weigh: Callable[[Made], int], max_bytes: int = MAX_BYTES
    ) -> None:
        super().__init__(make, PrefetchWindow(lambda request: request.id, weigh, max_bytes, rank_of))
        self.in_background = False
        self._is_running = False

    @property
    def has_urgent(self) -> bool:
        """Whether an urgent request was added and neither taken nor cancelled."""
        return self.lowest_rank == URGENT

    def add(self, request: Request) -> None:
        super().add(request)
        self._start()

    def cancel(self, request_id: object) -> None:
        """Drop a request; unknown ids are ignored."""
        super().cancel(request_id)
        self._start()

    def take_next(self, *, wait: bool) -> tuple[Request, Made] | None:
        """The next request with its result; None if there is none, or, without `wait`, if none is ready."""
        if not self.in_background:
            self.make_next()
        elif wait:
            self.wait()
        taken = self.take()
        self.keep(())  # what was taken counts in the engine's own memory
        self._start()
        return taken

    def _start(self) -> None:
        with self._changed:
            if self.in_background and self._window.can_begin and not self._is_running:
                self._is_running = True
                threading.Thread(target=self._run, name="preprocess", daemon=True).start()

    def _run(self) -> None:
        while self._can_go_on():
            self.make_next()

    def _can_go_on(self) -> bool:
        with self._changed:
            self._is_running = self._window.can_begin
            return self._is_running
