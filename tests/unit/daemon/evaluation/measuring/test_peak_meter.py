from __future__ import annotations

import sys
import threading

import numpy as np
import pytest

from daemon.evaluation.measuring.peak_meter import KernelMeter, SamplingMeter, peak_meter

BYTES = 64 * 1024**2
#: The kernel counts pages in batches, and Python itself takes some.
SLACK = 8 * 1024**2
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux can reset the peak")


def use(count: int) -> None:
    """Take so many bytes of memory, and return them to the system."""
    np.ones(count, np.uint8).sum()


@on_linux
def test_memory_that_was_returned_is_in_the_peak() -> None:
    meter = KernelMeter()
    use(BYTES)
    assert meter.stop() - meter.level == pytest.approx(BYTES, abs=SLACK)


@on_linux
def test_a_peak_from_before_is_not_counted() -> None:
    use(BYTES)
    meter = peak_meter()
    assert isinstance(meter, KernelMeter)
    assert meter.stop() - meter.level < SLACK


def test_the_largest_sample_is_the_peak() -> None:
    seen, values = threading.Event(), iter([100, 110, 900])

    def read() -> int:
        value = next(values, None)
        if value is None:
            seen.set()
        return value or 105

    meter = SamplingMeter(read)
    assert seen.wait(10)
    assert (meter.level, meter.stop()) == (100, 900)
    assert "missed" in meter.how
