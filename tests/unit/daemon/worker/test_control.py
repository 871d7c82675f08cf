from __future__ import annotations

import time

from daemon.worker.control import Control


def test_a_wake_ends_one_wait() -> None:
    control = Control()
    control.wake()
    began = time.monotonic()
    control.wait(30)
    assert time.monotonic() - began < 10
    assert not control.is_stopping
    began = time.monotonic()
    control.wait(0.01)
    assert time.monotonic() - began >= 0.01


def test_a_stop_ends_every_wait() -> None:
    control = Control()
    control.wake()
    control.stop()
    began = time.monotonic()
    control.wait(30)
    control.wait(30)
    assert time.monotonic() - began < 10
    assert control.is_stopping
