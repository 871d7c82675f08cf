"""Signals are only noted: the handler counts them and wakes the main loop, which then acts."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StopNote:
    """Counts stop signals. `wake` becomes readable with the first one.

    A plain counter and a pipe: locking anything in a signal handler could deadlock with the thread it interrupts.
    """

    def __init__(self) -> None:
        self.count = 0
        self.wake, self._write_end = os.pipe()
        os.set_blocking(self.wake, False)
        os.set_blocking(self._write_end, False)

    @property
    def stop_requested(self) -> bool:
        return self.count > 0

    @property
    def urgent(self) -> bool:
        """More than one signal: stop now rather than cleanly."""
        return self.count > 1

    def handle(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        with contextlib.suppress(BlockingIOError):  # a full pipe wakes just as well
            os.write(self._write_end, b"!")

    def nudge(self) -> None:
        """Wake the main loop, from any thread: there may be work."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._write_end, b".")

    def clear(self) -> None:
        """Empty the pipe, so that the next signal or nudge wakes again."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.wake, 64)

    def close(self) -> None:
        os.close(self.wake)
        os.close(self._write_end)


@contextlib.contextmanager
def noted_signals() -> Iterator[StopNote]:
    """SIGTERM and SIGINT are noted until the end; then the old handlers are back. Only in the main thread."""
    note = StopNote()
    before = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.signal(number, note.handle) for number in STOP_SIGNALS}
    try:
        yield note
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        note.close()
