"""A delivery queue without a thread."""

from __future__ import annotations

from daemon.worker.delivery_queue import DeliveryQueue
from storage.description import Description
from storage.records import Claim


class QueueWithoutThread(DeliveryQueue):
    """Delivers in the caller's thread; while `holding`, when a test calls `deliver_next`."""

    holding = False

    def put(self, claim: Claim, description: Description) -> None:
        super().put(claim, description)
        self._catch_up()

    def check(self) -> None:
        super().check()
        self._catch_up()

    def wait(self, seconds: float) -> None:
        """There is no thread to wait for."""

    def drain(self) -> None:
        while self.deliver_next():
            pass

    def _catch_up(self) -> None:
        while not self.holding and self.deliver_next():
            pass
