"""Signals only leave a note: the handler counts and wakes the main loop, which then acts."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StopNote:
    """How often the process was asked to stop. `wake` becomes readable with the first word.

    A plain counter and a pipe: locking anything in a signal handler could deadlock with the thread it interrupts.
    """

    def __init__(self) -> None:
        self.count = 0
        self.wake, self._leave = os.pipe()
        os.set_blocking(self.wake, False)
        os.set_blocking(self._leave, False)

    @property
    def asked(self) -> bool:
        return self.count > 0

    @property
    def urgent(self) -> bool:
        """Asked more than once: stop now rather than well."""
        return self.count > 1

    def leave(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        with contextlib.suppress(BlockingIOError):  # a full pipe wakes just as well
            os.write(self._leave, b"!")

    def nudge(self) -> None:
        """Wake the main loop, from any thread: there may be something to do."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._leave, b".")

    def take(self) -> None:
        """Empty the pipe, so that the next word wakes again."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.wake, 64)

    def close(self) -> None:
        os.close(self.wake)
        os.close(self._leave)


@contextlib.contextmanager
def noted_signals() -> Iterator[StopNote]:
    """SIGTERM and SIGINT are noted until the end; then the old answers are back. Only the main thread can hear them."""
    note = StopNote()
    before = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.signal(number, note.leave) for number in STOP_SIGNALS}
    try:
        yield note
    finally:
        for number, answer in before.items():
            signal.signal(number, answer)
        note.close()
