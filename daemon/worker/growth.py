"""Whether a worker's memory has grown so much that it had better be renewed. The measuring is passed in."""

from __future__ import annotations

from collections.abc import Callable

import psutil

from daemon.clock import Clock

#: What the first answers take is what the model needs; only what comes on top of it is growth.
WARM_ANSWERS = 8
LOOK_SECONDS = 1.0


class Growth:
    """`most_bytes` may come on top. `measure` gives the bytes that the process holds, without those on a device."""

    def __init__(self, most_bytes: int, measure: Callable[[], int], clock: Clock) -> None:
        self._most_bytes = most_bytes
        self._measure = measure
        self._clock = clock
        self._answers = 0
        self._warm = 0
        self._device_bytes = 0
        self._due = 0.0

    def answered(self, device_bytes: int) -> None:
        """One more answer was given; the device's memory is what it was then."""
        self._answers += 1
        self._device_bytes = device_bytes
        if self._answers <= WARM_ANSWERS:
            self._warm = max(self._warm, self._held())

    def is_too_much(self) -> bool:
        """Asked often; looks once a second."""
        if self._answers <= WARM_ANSWERS or self._clock.monotonic() < self._due:
            return False
        self._due = self._clock.monotonic() + LOOK_SECONDS
        return self._held() > self._warm + self._most_bytes

    def _held(self) -> int:
        return self._measure() + self._device_bytes


def resident_bytes() -> int:
    """Of this process."""
    return psutil.Process().memory_info().rss
