from __future__ import annotations

import time

from daemon.worker.orders import Orders


def test_work_ends_one_wait() -> None:
    orders = Orders()
    orders.work()
    began = time.monotonic()
    orders.wait(30)
    assert time.monotonic() - began < 10
    assert not orders.is_stop
    began = time.monotonic()
    orders.wait(0.01)
    assert time.monotonic() - began >= 0.01


def test_a_stop_ends_every_wait_also_one_for_work() -> None:
    orders = Orders()
    orders.work()
    orders.stop()
    began = time.monotonic()
    orders.wait(30)
    orders.wait(30)
    assert time.monotonic() - began < 10
    assert orders.is_stop
