"""Rescans on request: the inbox is listed at once, and with `compare` its described files are read.

Each request has its own answer. Requests that arrive together are served by one listing, and a file that several of
them compare is read once.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from contextlib import suppress
from dataclasses import dataclass, field
from queue import SimpleQueue

from daemon.intake.admit_result import AdmitResult
from storage.commands.requests import Answer
from storage.errors import StorageError

#: Stores the answer to the command of this id; may raise StorageError.
AnswerRescan = Callable[[int, Answer], object]
LISTED_LATER = "The daemon lists it as soon as it can."


@dataclass
class Rescan:
    """A request and its progress. `left`: the paths still to be read. `seen`: None before the inbox was listed."""

    id: int
    compare: bool = False
    left: set[bytes] = field(default_factory=set)
    seen: int | None = None
    compared: int = 0
    changed: int = 0
    restored: int = 0

    @property
    def is_listed(self) -> bool:
        return self.seen is not None

    @property
    def is_finished(self) -> bool:
        return self.is_listed and not self.left

    def listed(self, present: Set[bytes], unread: Set[bytes], restored: int = 0) -> None:
        """Only the first listing after the request counts.

        `unread`: those of `present` that are going to be read. `restored`: files whose sidecars were missing.
        """
        if not self.is_listed:
            self.seen = len(present)
            self.restored = restored
            self.left = set(unread) if self.compare else set()

    def tick_off(self, path: bytes, outcome: AdmitResult) -> None:
        if path in self.left and outcome is not AdmitResult.AGAIN:
            self.left.discard(path)
            self.compared += outcome in {AdmitResult.KNOWN, AdmitResult.QUEUED, AdmitResult.CHANGED}
            self.changed += outcome is AdmitResult.CHANGED

    def skip(self, path: bytes) -> None:
        """The file cannot be read now: it went away, or is not complete."""
        self.left.discard(path)

    def record(self) -> dict[str, object]:
        """For status and the answer. Empty before the inbox was listed."""
        if self.seen is None:
            return {}
        return {
            "id": str(self.id),
            "compare": self.compare,
            "seen": self.seen,
            "left": len(self.left),
            "compared": self.compared,
            "changed": self.changed,
            "restored": self.restored,
        }


class Rescans:
    """The requests that are not answered yet. Any thread may call `put`; all else is for the intake's."""

    def __init__(self, answer: AnswerRescan) -> None:
        self._answer = answer
        self._new: SimpleQueue[Rescan] = SimpleQueue()
        self._active: list[Rescan] = []
        self._newest: Rescan | None = None

    def put(self, request: Rescan) -> None:
        self._new.put(request)

    def take(self) -> bool:
        """Begin the requests that came since; False if none did."""
        before = len(self._active)
        while not self._new.empty():
            self._active.append(self._new.get_nowait())
            self._newest = self._active[-1]
        return len(self._active) > before

    @property
    def awaits_listing(self) -> bool:
        """There is a request, and the inbox was not listed since."""
        return any(not rescan.is_listed for rescan in self._active)

    @property
    def left(self) -> Set[bytes]:
        """The paths that are still to be read for any of them."""
        unread = [rescan.left for rescan in self._active if rescan.left]
        return unread[0] if len(unread) == 1 else set[bytes]().union(*unread)  # usually one: nothing is copied

    def listed(self, present: Set[bytes], unread: Set[bytes], restored: int = 0) -> None:
        for rescan in self._active:
            rescan.listed(present, unread, restored)

    def tick_off(self, path: bytes, outcome: AdmitResult) -> None:
        for rescan in self._active:
            rescan.tick_off(path, outcome)

    def skip(self, path: bytes) -> None:
        for rescan in self._active:
            rescan.skip(path)

    def answer_finished(self) -> None:
        """May raise StorageError; then the next call answers the others."""
        for rescan in [rescan for rescan in self._active if rescan.is_finished]:
            self._answer(rescan.id, Answer(result=rescan.record()))
            self._active.remove(rescan)

    def refuse(self, problem: str) -> None:
        """Answer all with an error: the inbox cannot be listed."""
        self.take()  # a round can fail before it comes to the requests
        refusal = Answer(error=f"The inbox cannot be listed now: {problem}", advice=LISTED_LATER)
        for rescan in list(self._active):
            with suppress(StorageError):  # the next round tries again
                self._answer(rescan.id, refusal)
                self._active.remove(rescan)

    def record(self) -> dict[str, object]:
        """The newest request, for status; empty before its listing, or without one."""
        return {} if self._newest is None else self._newest.record()
